/** This tool's name and version, for records and `--version`. */
import { readFileSync } from 'node:fs';

interface Manifest {
  readonly version: string;
}

const manifest = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as Manifest;

export const TOOL: { readonly name: string; readonly version: string } = {
  name: 'seamstress',
  version: manifest.version,
};
