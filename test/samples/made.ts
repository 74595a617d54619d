/** A sample in JavaScript, with a name for whatever its statements make. */
import { parse, type Pattern } from 'acorn';
import { transform } from 'esbuild';
import type { Fence } from '../support/documents.ts';

export const javascriptOf = async ({ lines }: Fence): Promise<string> => (await transform(lines.join('\n'), { loader: 'ts', format: 'esm', target: 'node20' })).code;

/** `made`: what is declared, and the value of each statement that is an expression. */
export function namingWhatItMakes(code: string): { readonly code: string; readonly made: readonly string[] } {
  const statements: string[] = [];
  const made: string[] = [];
  for (const statement of parse(code, { ecmaVersion: 'latest', sourceType: 'module' }).body) {
    if (statement.type === 'VariableDeclaration') made.push(...statement.declarations.flatMap(({ id }) => namesIn(id)));
    if (statement.type === 'ExpressionStatement') {
      const name = `made${made.length}`;
      made.push(name);
      statements.push(`const ${name} = (${code.slice(statement.expression.start, statement.expression.end)});`);
    } else statements.push(code.slice(statement.start, statement.end));
  }
  return { code: statements.join('\n'), made };
}

function namesIn(pattern: Pattern): string[] {
  switch (pattern.type) {
    case 'Identifier':
      return [pattern.name];
    case 'ObjectPattern':
      return pattern.properties.flatMap((each) => namesIn(each.type === 'Property' ? each.value : each));
    case 'ArrayPattern':
      return pattern.elements.flatMap((each) => (each === null ? [] : namesIn(each)));
    case 'AssignmentPattern':
      return namesIn(pattern.left);
    case 'RestElement':
      return namesIn(pattern.argument);
    default:
      return [];
  }
}
