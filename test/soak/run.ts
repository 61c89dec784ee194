import { main } from './runner.ts';

// Alone in its library a model is what was measured before there was a guide.
process.env['LEEWARD_GUIDE_FILE'] ??= '';

process.exitCode = await main(process.argv.slice(2));
