import type { LucideIcon } from '@lucide/svelte';

export interface MenuAction {
  label: string;
  icon?: LucideIcon | undefined;
  /** Keys as shown, for example "F2". */
  shortcut?: string | undefined;
  /** A second line, for example why it is disabled. */
  detail?: string | undefined;
  danger?: boolean | undefined;
  disabled?: boolean | undefined;
  /** Set for one of several choices; the menu marks the chosen one. */
  checked?: boolean | undefined;
  onselect: () => void;
}

export type MenuItem = MenuAction | 'separator';
