import type { AppEvent, RestoreStep } from '../../src-main/contract/index.ts';

/** Where the restore of a backup is, if one runs, in whichever window it was begun. */
export class BackupsStore {
  /** null: none runs, or it is too late to cancel. */
  restoring = $state.raw<RestoreStep | null>(null);

  handle(event: AppEvent): void {
    if (event.type === 'backups.restoring') this.restoring = event.step;
  }
}
