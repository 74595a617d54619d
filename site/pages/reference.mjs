/** The reference, from the docstrings of what the package exports: a page of Markdown for each entry point, in site/pages/api. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Application, Comment, ReflectionKind } from 'typedoc';

const root = resolve(import.meta.dirname, '../..');
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** By the source: what it is imported as. */
const entries = new Map(
  Object.entries(exports).flatMap(([path, target]) => {
    if (typeof target === 'string') return [];
    const types = target.node?.types ?? target.types;
    return [[join(root, types.replace('./dist/', 'src/').replace(/\.d\.ts$/, '.ts')), `ntlmachine${path.slice(1)}`]];
  }),
);

/** What a source says of itself in its first lines. */
function openingOf(source) {
  const [, text = ''] = /^\/\*\*([^]*?)\*\//.exec(readFileSync(source, 'utf8')) ?? [];
  return text.replace(/^ ?\* ?/gm, '').trim();
}

/** @throws Error where a docstring links to what is not there. */
export async function writeReference() {
  const out = join(import.meta.dirname, 'api');
  rmSync(out, { recursive: true, force: true });
  const app = await Application.bootstrapWithPlugins({
    plugin: ['typedoc-plugin-markdown'],
    out,
    cleanOutputDir: false,
    entryPoints: [...entries.keys()],
    tsconfig: join(root, 'tsconfig.json'),
    name: 'Reference',
    readme: 'none',
    disableSources: true,
    excludePrivate: true,
    excludeInternal: true,
    excludeExternals: true,
    skipErrorChecking: true, // the compiler of the package has done that
    validation: { notExported: false, invalidLink: true, notDocumented: false },
    treatWarningsAsErrors: true,
    logLevel: 'Warn',
    router: 'module',
    entryFileName: 'index',
    hidePageHeader: true,
    hideBreadcrumbs: true,
    parametersFormat: 'table',
    interfacePropertiesFormat: 'table',
    typeDeclarationFormat: 'table',
    useCodeBlocks: true,
    useHTMLAnchors: true,
    sanitizeComments: true,
  });
  const project = await app.convert();
  if (project === undefined) throw new Error('the reference was not made');
  for (const module of project.getReflectionsByKind(ReflectionKind.Module)) {
    const source = project.getSymbolIdFromReflection(module).fileName;
    module.name = entries.get(source).replace('ntlmachine/', '');
    module.comment = new Comment([{ kind: 'text', text: openingOf(source) }]);
  }
  app.validate(project);
  await app.generateOutputs(project);
  const list = ['# Reference', '', 'What each entry point exports, from its docstrings.', ''];
  for (const [source, name] of entries) {
    const file = `${name.replace('ntlmachine/', '')}.md`;
    writeFileSync(join(out, file), readFileSync(join(out, file), 'utf8').replace(/^# .*/, `# ${name}`));
    list.push(`- [${name}](${file}): ${openingOf(source).split('\n\n')[0]}`);
  }
  writeFileSync(join(out, 'index.md'), `${list.join('\n')}\n`);
  if (app.logger.hasErrors() || app.logger.hasWarnings()) throw new Error('the reference has mistakes');
}
