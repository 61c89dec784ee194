import { catalogue } from './catalogue.ts';

const plural = new Intl.PluralRules('en');

/** Models that another program brought to this computer. */
export const otherAppsTexts = catalogue({
  title: 'Use models I already have',
  stay: 'Files stay where they are',
  names: { lm_studio: 'LM Studio', ollama: 'Ollama', hugging_face: 'Hugging Face' },
  count: (value: number, count: string) => `${count} ${plural.select(value) === 'one' ? 'model' : 'models'}`,
  use: (value: number, count: string) =>
    plural.select(value) === 'one' ? 'Use 1 model' : `Use ${count} models`,
  useNone: 'Use none of them',
  useIdle: 'Use models',
  busy: 'Reading the model files',
  refused: (value: number, count: string) =>
    plural.select(value) === 'one'
      ? '1 file could not be used. It is no model that can answer, or it is damaged.'
      : `${count} files could not be used. They are no models that can answer, or they are damaged.`,
  none: 'No models of LM Studio, Ollama or Hugging Face were found.',
  hint: 'Nothing is copied, moved or changed. What these apps get later comes onto the list by itself.',
  pickFolder: 'Use a folder',
  removeFolder: (path: string) => `Stop using ${path}`,
  remove: 'Stop using',
  ask: {
    title: 'Stop using this folder?',
    text: (path: string) =>
      `The models in ${path} leave the list, with their settings and notes. The files stay where they are; to use them again, choose the folder again.`,
    keep: 'Keep using it',
    confirm: 'Stop using it',
  },
});
