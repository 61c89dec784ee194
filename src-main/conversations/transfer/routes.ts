import { implement } from '@orpc/server';
import * as v from 'valibot';
import { contract, TrainingFilters } from '../../contract/index.ts';
import type { Exporter } from './export.ts';
import type { Importer } from './import.ts';
import type { PreviewTraining } from './training-preview.ts';

const os = implement(contract);

/** Handlers of export and import. */
export function transferRoutes(exporter: Exporter, importer: Importer, previewTraining: PreviewTraining) {
  return {
    beginExport: os.transfer.beginExport.handler(({ input }) =>
      exporter.begin({ ...input, training: v.parse(TrainingFilters, input.training) }),
    ),
    previewTraining: os.transfer.previewTraining.handler(({ input }) =>
      previewTraining({ ...input, training: v.parse(TrainingFilters, input.training) }),
    ),
    readExport: os.transfer.readExport.handler(({ input }) => exporter.read(input.exportId)),
    endExport: os.transfer.endExport.handler(({ input }) => exporter.end(input.exportId)),
    beginImport: os.transfer.beginImport.handler(({ input }) =>
      importer.begin({ several: input.several ?? false, sizeBytes: input.sizeBytes }),
    ),
    nextImportFile: os.transfer.nextImportFile.handler(({ input }) =>
      importer.nextFile(input.importId, input.fileName),
    ),
    appendImport: os.transfer.appendImport.handler(({ input }) =>
      importer.append(input.importId, input.text),
    ),
    finishImport: os.transfer.finishImport.handler(({ input }) => importer.finish(input.importId)),
    cancelImport: os.transfer.cancelImport.handler(({ input }) => importer.cancel(input.importId)),
  };
}
