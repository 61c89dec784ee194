import { migrations } from './migrations/index.ts';
import { serveStore } from './serve-store.ts';

serveStore(migrations);
