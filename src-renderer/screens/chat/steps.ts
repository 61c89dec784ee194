import type { AppState } from '../../state/app.svelte.ts';
import type { NextStep } from '../../texts/errors.ts';

/** What a failed call or answer lets the reader do here. A step without an entry is not offered. */
export type StepActions = Partial<Record<NextStep, () => void>>;

/** Steps that lead to another screen, the same wherever a failure shows. */
export function commonSteps(app: AppState): StepActions {
  return {
    new_chat: () => app.newChat(),
    open_engine_settings: () => app.navigation.openSettings('engine'),
    open_folder_settings: () => app.navigation.openSettings('models'),
    open_models: () => app.navigation.openModels(),
    open_privacy_settings: () => app.navigation.openSettings('privacy'),
    reload: () => location.reload(),
    restart_engine: () => app.attempt(app.engine.restart()),
  };
}
