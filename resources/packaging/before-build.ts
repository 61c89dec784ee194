/**
 * Hook of electron-builder. False: node_modules is not its business. Nothing is compiled, since everything native
 * comes prebuilt, and before-pack.ts says which packages go in, where electron-builder would take every
 * dependency of package.json, arranged anew.
 */
export default function beforeBuild(): boolean {
  return false;
}
