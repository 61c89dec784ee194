import type { Model } from '../../../src-main/contract/index.ts';

export type ModelAction = 'chat' | 'load' | 'unload' | 'cancel-load' | 'remove' | 'details';

/** Tells the screen what the user asked for; the screen alone calls the stores. */
export type OnModelAction = (action: ModelAction, model: Model) => void;
