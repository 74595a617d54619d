// Builds the package that this example links to. Your own app installs it from the registry and needs none of this.
import { execSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const root = new URL('../../', import.meta.url);
if (!existsSync(new URL('node_modules', root))) execSync('npm ci', { cwd: root, stdio: 'inherit' });
execSync('npm run --silent build', { cwd: root, stdio: 'inherit' });
