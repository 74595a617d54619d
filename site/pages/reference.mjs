/** The reference, from the docstrings of what the package exports: a page of Markdown for each entry point, in site/pages/api. */
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
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

/** A machine's type says its context and its events; what XState infers of all its parts fills pages, which the charts show better. */
function shorten({ type }) {
  if (type?.name === 'StateMachine') type.typeArguments = type.typeArguments?.slice(0, 2);
}

/** What stands above every member is no heading of its own: nobody looks for it, and each costs an anchor. */
const LABELS = /^#{4,6} ((?:Parameters|Returns|Throws|Overrides|Extends|Extended by|Inherited from|Properties|Methods|Accessors|Constructors?|Type Parameters|Type Declaration|Type Literal|Union Members|Call Signature|Default Value|Implements|Implementation of|Index Signature|Example|See)(?: \\\[\d+\\\])?)$/gm;

/** Characters of Markdown: a longer page loads more than 100 kB before it is seen. */
const LONGEST = 38_000;
const typesOf = (file) => file.replace('.md', '-types.md');

/** What is called stands before what it takes and gives. */
const placeOf = (section) => ['Classes', 'Functions', 'Variables'].findIndex((name) => section.startsWith(`## ${name}\n`)) >>> 0;

/** Makes pages that are light: labels are none of their outline, and the interfaces of a long one have a page of their own. */
function trim(out) {
  const moved = new Map(); // by file: the anchors that are on its page of interfaces now
  for (const file of readdirSync(out)) {
    const text = readFileSync(join(out, file), 'utf8').replace(LABELS, '**$1**').replace(/^#(?=#{4,5} )/gm, '');
    const [opening, ...sections] = text.split(/^(?=## )/m);
    const parts = [opening, ...sections.toSorted((a, b) => placeOf(a) - placeOf(b))];
    const isType = (part) => /^## Interfaces\n/.test(part);
    const split = text.length > LONGEST && parts.some(isType);
    const own = split ? parts.filter((part) => !isType(part)) : parts;
    if (split) {
      const types = parts.filter(isType).join('');
      moved.set(file, new Set(Array.from(types.matchAll(/<a id="([^"]+)"/g), ([, id]) => id)));
      own[0] += `Its interfaces: [types](${typesOf(file)}).\n\n`;
      writeFileSync(join(out, typesOf(file)), `# Types\n\nWhat [the functions and classes](${file}) take and give.\n\n${types}`);
    }
    writeFileSync(join(out, file), own.join(''));
  }
  for (const page of readdirSync(out)) {
    const main = [...moved.keys()].find((file) => typesOf(file) === page) ?? page;
    const text = readFileSync(join(out, page), 'utf8').replace(/\]\(([\w.-]*\.md)?#([^)]+)\)/g, (_, file = main, id) => {
      const target = moved.get(file)?.has(id) ? typesOf(file) : file;
      return `](${target === page ? '' : target}#${id})`;
    });
    writeFileSync(join(out, page), text);
  }
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
    excludeTags: ['@since'], // of what node's own types say
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
  for (const machine of project.getReflectionsByKind(ReflectionKind.Variable | ReflectionKind.TypeAlias)) shorten(machine);
  app.validate(project);
  await app.generateOutputs(project);
  trim(out);
  const list = ['# Reference', '', 'What each entry point exports, from its docstrings.', ''];
  for (const [source, name] of entries) {
    const file = `${name.replace('ntlmachine/', '')}.md`;
    writeFileSync(join(out, file), readFileSync(join(out, file), 'utf8').replace(/^# .*/, `# ${name}`));
    const types = join(out, typesOf(file));
    if (existsSync(types)) writeFileSync(types, readFileSync(types, 'utf8').replace(/^# .*/, `# ${name}: types`));
    list.push(`- [${name}](${file}): ${openingOf(source).split('\n\n')[0]}`);
  }
  writeFileSync(join(out, 'index.md'), `${list.join('\n')}\n`);
  if (app.logger.hasErrors() || app.logger.hasWarnings()) throw new Error('the reference has mistakes');
}
