/**
 * What the sidecar may see of the environment: search paths, folders for temporary files and what the CUDA,
 * Vulkan and Metal drivers read. Everything else stays outside, NODE_OPTIONS above all.
 */
const ALLOWED = new Set([
  'PATH',
  'HOME',
  'USERPROFILE',
  'HOMEDRIVE',
  'HOMEPATH',
  'TMPDIR',
  'TMP',
  'TEMP',
  'LANG',
  'LC_ALL',
  'SYSTEMROOT',
  'SYSTEMDRIVE',
  'WINDIR',
  'COMSPEC',
  'PATHEXT',
  'APPDATA',
  'LOCALAPPDATA',
  'PROGRAMDATA',
  'PROGRAMFILES',
  'PROGRAMFILES(X86)',
  'PROGRAMW6432',
  'NUMBER_OF_PROCESSORS',
  'PROCESSOR_ARCHITECTURE',
  'LD_LIBRARY_PATH',
  'DYLD_LIBRARY_PATH',
  'XDG_CACHE_HOME',
  'XDG_DATA_DIRS',
  'XDG_RUNTIME_DIR',
]);
const ALLOWED_PREFIXES = ['CUDA_', 'NVIDIA_', 'VK_', 'GGML_', 'MESA_', 'MTL_', 'HSA_', 'ROCR_'];

/**
 * The environment of the sidecar. Pure.
 * @param source the environment of this process
 * @param tempDir takes the place of the system's folder for temporary files
 */
export function sidecarEnvironment(
  source: Readonly<Record<string, string | undefined>>,
  tempDir?: string,
): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(source)) {
    const upper = name.toUpperCase();
    const isAllowed = ALLOWED.has(upper) || ALLOWED_PREFIXES.some((prefix) => upper.startsWith(prefix));
    if (value !== undefined && isAllowed) result[name] = value;
  }
  if (tempDir !== undefined) for (const name of ['TMPDIR', 'TMP', 'TEMP']) result[name] = tempDir;
  // The library must neither download nor compile.
  result['NODE_LLAMA_CPP_SKIP_DOWNLOAD'] = 'true';
  // Decode runs on whichever libuv thread is free; with one, its working threads stay warm.
  result['UV_THREADPOOL_SIZE'] = '1';
  // Linux with glibc, read at the start of a process: large allocations ask for huge pages, which most distributions
  // give only to those that ask. The weights are read from one end to the other for every token: llama-bench on a 1.1B
  // Q4_0 file is 3 to 5 % faster with them on a quiet machine, 12 % on a busy one.
  result['GLIBC_TUNABLES'] = 'glibc.malloc.hugetlb=1';
  return result;
}
