import type { SettingsPatch } from '../../state/settings.svelte.ts';

/** Saves a change of the settings; a failure is shown by the Settings screen, not by its pages. */
export type SaveSettings = (patch: SettingsPatch) => Promise<boolean>;
