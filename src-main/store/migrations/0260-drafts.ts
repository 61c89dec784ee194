import type { Migration } from '../migrate.ts';

const SQL = `
ALTER TABLE models ADD COLUMN draft_model_id TEXT REFERENCES models (id) ON DELETE SET NULL;
CREATE INDEX models_by_draft ON models (draft_model_id) WHERE draft_model_id IS NOT NULL;
ALTER TABLE generations ADD COLUMN drafted_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE generations ADD COLUMN drafted_right INTEGER NOT NULL DEFAULT 0;
ALTER TABLE generation_samples ADD COLUMN drafted_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE generation_samples ADD COLUMN drafted_right INTEGER NOT NULL DEFAULT 0;
`;

/** The model that guesses for another, which forgets it when it leaves the list; what came of it in answers. */
export const drafts: Migration = { version: 260, name: 'drafts', up: (db) => void db.exec(SQL) };
