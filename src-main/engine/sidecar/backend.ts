import { existsSync, readdirSync } from 'node:fs';
import { getLlama, getLlamaGpuTypes, getModuleVersion, LlamaLogLevel, type Llama } from 'node-llama-cpp';
import { appError } from '../../contract/index.ts';
import type { Backend, StartEvent } from './contract.ts';
import type { NativeLog } from './log.ts';

/** The library's word for a backend, and ours. */
type Gpu = Awaited<ReturnType<typeof getLlamaGpuTypes>>[number];
const nameOf = (gpu: Gpu): Backend => (gpu === false ? 'cpu' : gpu);

/** Linux lists Vulkan wherever its loader is installed; only with a render node is there a device for it. */
function hasDeviceFor(gpu: Gpu): boolean {
  if (gpu !== 'vulkan' || process.platform !== 'linux') return gpu !== false;
  return existsSync('/dev/dri') && readdirSync('/dev/dri').some((name) => name.startsWith('renderD'));
}

/**
 * Starts llama.cpp on the best backend that works: what the library finds, best first, then the CPU, each once.
 * Never downloads and never compiles.
 * @param emit told what is tried and what failed, before the result
 * @throws engine_binary_missing when no binary for this system loads
 */
export async function openBackend(
  options: { backend: 'auto' | 'cpu'; excluded: readonly Backend[] },
  log: NativeLog,
  emit: (event: StartEvent) => void,
): Promise<Llama> {
  const found = options.backend === 'cpu' ? [] : await getLlamaGpuTypes('supported');
  const gpus = found.filter((gpu) => gpu !== false && !options.excluded.includes(nameOf(gpu)));
  for (const gpu of [...gpus, false as const]) {
    emit({ type: 'trying', backend: nameOf(gpu) });
    try {
      const llama = await getLlama({
        gpu,
        build: 'never',
        skipDownload: true,
        progressLogs: false,
        logLevel: LlamaLogLevel.warn,
        logger: log.logger,
        // Each context says its own thread count; a limit here would divide it.
        maxThreads: 0,
      });
      emit({
        type: 'ready',
        backend: nameOf(llama.gpu),
        deviceNames: llama.gpu === false ? [] : await llama.getGpuDeviceNames(),
        engineVersion: `node-llama-cpp ${await getModuleVersion()} (llama.cpp ${llama.llamaCppRelease.release})`,
      });
      return llama;
    } catch (cause) {
      if (gpu === false) throw appError('engine_binary_missing', undefined, { cause });
      emit({ type: 'failed', backend: nameOf(gpu), isNotable: hasDeviceFor(gpu) });
    }
  }
  throw appError('engine_binary_missing');
}
