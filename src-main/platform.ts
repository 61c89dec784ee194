import type { Capabilities, SecretSource } from './contract/index.ts';
import type { OtherAppFolder } from './models/other-apps.ts';

/** A file or folder that the host allowed the core to use, resolved to a real path. */
export interface AllowedFolder {
  /** Stable for the same path. */
  readonly id: string;
  readonly path: string;
}

/** Where settings are kept between runs. Both hosts write the same file with the same schema. */
export interface SettingsFile {
  /** The stored object as it is on disk, not validated; an empty object when there is none. */
  read(): Record<string, unknown>;
  /** Replaces the stored object; written atomically. */
  write(value: Record<string, unknown>): void;
}

/** Every secret that the app may hold. */
export type SecretName = 'huggingFaceToken';

/** Where secrets are. Their values go nowhere but into the request that needs them. */
export interface SecretStore {
  /** What is set outlasts this run. May turn out false with a `set`, and true again with the next. */
  readonly canKeep: boolean;
  get(name: SecretName): Promise<string | null>;
  /** Where `get` would take it from; null when there is none, `unreadable` when it gives none of a kept one. */
  sourceOf(name: SecretName): Promise<SecretSource | null>;
  /** @throws disk_full, when it cannot be written; the value from before stays */
  set(name: SecretName, value: string): Promise<void>;
  delete(name: SecretName): Promise<void>;
}

/** What a host must provide. The core never asks which host it is. */
export interface Platform {
  readonly host: 'desktop' | 'browser';
  readonly capabilities: Capabilities;
  readonly paths: {
    /** Holds everything the app writes; exists, mode 0700. */
    readonly dataDir: string;
    /** The same for a person to read: the home folder shortened to `~`. */
    readonly dataDirLabel: string;
    /** The built-in model; null or absent: none. */
    readonly guideFile?: string | null;
    /** Folders whose model files may be used. */
    readonly modelFolders: readonly AllowedFolder[];
    /** Where other apps keep their models: looked at for their names, used when the user says so. */
    readonly otherApps: readonly OtherAppFolder[];
  };
  readonly settingsFile: SettingsFile;
  readonly secrets: SecretStore;
  /** Absolute path of the plain Node binary that runs the sidecar. */
  readonly nodeBinary: string;
  /** Whether the computer runs on its battery; absent where the host cannot tell. */
  isOnBattery?(): boolean;
  /** Opens the host's dialog for GGUF files; paths are real and may be used from now on. */
  pickModelFiles?(): Promise<string[]>;
  /** Moves a file to the system's trash. Rejects when that fails; the file is where it was then. */
  trashFile?(path: string): Promise<void>;
  /**
   * Asks where to save a text and writes it there; false when it was cancelled.
   * Rejects with the system's error when it cannot be written.
   */
  saveText?(fileName: string, text: string): Promise<boolean>;
  /** Opens the host's dialog for a folder; null when it was cancelled. */
  pickModelFolder?(): Promise<string | null>;
  /**
   * Shows the whole address and, when the person agrees, opens it in the system's browser.
   * Resolves with whether it was opened; an address that no one may open is refused without a question.
   */
  openExternal?(address: string): Promise<boolean>;
  /** Redacted structured log line; never message text, titles, prompts or home paths. */
  log(event: string, fields?: Record<string, string | number | boolean | null>): void;
}
