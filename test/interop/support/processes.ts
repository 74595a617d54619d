/**
 * Programs under test: found, started, awaited and ended. Everything started here ends with `close()`, at the latest
 * with this process, and takes its temporary directory with it.
 */
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess, ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

/** Daemons live in sbin, which is not on everybody's PATH. */
const searchPath = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];

const liveProcesses = new Set<ChildProcess>();
const liveDirectories = new Set<string>();
const liveGroups = new Set<number>();
process.once('exit', () => {
  for (const child of liveProcesses) child.kill('SIGTERM');
  for (const leader of liveGroups) endGroup(leader);
  for (const directory of liveDirectories) rmSync(directory, { recursive: true, force: true });
});

export function missing(what: string): Error {
  return new Error(`${what} is missing: run scripts/install-servers.sh`);
}

/** The absolute path of a program. */
export function findProgram(name: string): string {
  for (const directory of searchPath) {
    const path = join(directory, name);
    if (directory !== '' && existsSync(path)) return path;
  }
  throw missing(name);
}

/** Like `findProgram`, for a file that a package installs elsewhere. */
export function findFile(path: string, what: string): string {
  if (!existsSync(path)) throw missing(what);
  return path;
}

export class TemporaryDirectory {
  readonly path: string;

  constructor(purpose: string) {
    this.path = mkdtempSync(join(tmpdir(), `ntlmachine-${purpose}-`));
    liveDirectories.add(this.path);
  }

  file(name: string): string {
    return join(this.path, name);
  }

  async close(): Promise<void> {
    await rm(this.path, { recursive: true, force: true, maxRetries: 3 });
    liveDirectories.delete(this.path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Ends what is left of a process group: children that outlive the process that started them. */
function endGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // nobody is left
  }
  liveGroups.delete(leader);
}

/** Nothing that is run to its end here takes this long, a package that is compiled among them. */
const runLimit = 300_000;

/** Runs a program to its end; rejects with its stderr unless it exits with 0. */
export async function run(
  name: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv; readonly input?: string } = {},
): Promise<string> {
  const program = findProgram(name);
  return new Promise((resolve, reject) => {
    const settings = { cwd: options.cwd, env: options.env ?? process.env, maxBuffer: 256 * 1024 * 1024, timeout: runLimit };
    const child = execFile(program, args, settings, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${name} failed (${error.killed ? `not ended within ${runLimit / 1000} s` : (error.code ?? error.signal)}): ${stderr.trim()}`, { cause: error }));
    });
    child.stdin?.on('error', () => {}); // not every program reads its input
    child.stdin?.end(options.input ?? '');
  });
}

function ended(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function waitForEnd(child: ChildProcess, milliseconds: number): Promise<boolean> {
  if (ended(child)) return true;
  const abort = new AbortController();
  const exited = once(child, 'exit', { signal: abort.signal }).then(() => true, () => ended(child));
  const tooLate = delay(milliseconds, false, { signal: abort.signal }).catch(() => false);
  const result = await Promise.race([exited, tooLate]);
  abort.abort();
  return result;
}

/** A helper that answers every line on its stdin with one line on its stdout. */
export class LineProcess {
  readonly #name: string;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting: { resolve(line: string): void; reject(reason: Error): void }[] = [];
  #stderr = '';
  #failure: Error | undefined;

  constructor(program: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    this.#name = program.slice(program.lastIndexOf('/') + 1);
    this.#child = spawn(program, args, { env });
    liveProcesses.add(this.#child);
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    this.#child.stdin.on('error', () => {}); // a dead helper is reported by 'close', with its stderr
    this.#child.on('error', (error) => this.#fail(error));
    this.#child.on('close', (code, signal) => {
      this.#fail(new Error(`${this.#name} ended (${code ?? signal}): ${this.#stderr.trim() || 'no message'}`));
    });
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#waiting.shift()?.resolve(line));
  }

  #fail(error: Error): void {
    liveProcesses.delete(this.#child);
    this.#failure ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure);
  }

  /** The next line that no earlier request waits for. */
  readLine(): Promise<string> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  request(line: string): Promise<string> {
    const answer = this.readLine();
    if (this.#failure === undefined) this.#child.stdin.write(`${line}\n`);
    return answer;
  }

  async close(): Promise<void> {
    this.#child.stdin.end();
    if (!(await waitForEnd(this.#child, 2_000))) {
      this.#child.kill('SIGKILL');
      await waitForEnd(this.#child, 2_000);
    }
  }
}

export interface ServiceOptions {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Shown when the service does not start. */
  readonly logs: readonly string[];
  /** The loopback ports that accept connections once the service is up. */
  readonly ports: readonly number[];
  /** Started as the leader of a group of its own, for a service whose children may outlive it: they end with it. */
  readonly group?: boolean;
}

const startLimit = 20_000;

/** A server process in the foreground, up and accepting connections. */
export class Service {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start({ program, args, env, logs, ports, group = false }: ServiceOptions): Promise<Service> {
    const child = spawn(program, args, { env: env ?? process.env, stdio: ['ignore', 'pipe', 'pipe'], detached: group });
    liveProcesses.add(child);
    if (group && child.pid !== undefined) liveGroups.add(child.pid);
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
    let failure: Error | undefined;
    child.once('error', (error) => (failure = error));
    child.once('exit', () => liveProcesses.delete(child));

    const service = new Service(child);
    const deadline = Date.now() + startLimit;
    while (!(await accepting(ports))) {
      const late = Date.now() > deadline;
      if (failure === undefined && !ended(child) && !late) {
        await delay(25);
        continue;
      }
      await service.close();
      const texts = logs.filter((path) => existsSync(path)).map((path) => readFileSync(path, 'utf8').slice(-4_000));
      const reason = late ? `did not start within ${startLimit / 1000} s` : 'ended while starting';
      throw new Error([`${program} ${reason}`, output, ...texts].join('\n').trim(), { cause: failure });
    }
    return service;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async close(): Promise<void> {
    const { pid } = this.#child;
    if (pid === undefined) return;
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      if (ended(this.#child)) break;
      this.#child.kill(signal);
      await waitForEnd(this.#child, 5_000);
    }
    if (liveGroups.has(pid)) endGroup(pid);
  }
}

/** What becomes of a connection to a loopback port: a full queue of a process that accepts none lets it hang. */
export function knock(port: number): Promise<'accepted' | 'refused' | 'left waiting'> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: 1000 });
    socket.once('connect', () => resolve('accepted')).once('error', () => resolve('refused')).once('timeout', () => resolve('left waiting'));
    for (const event of ['connect', 'timeout']) socket.once(event, () => socket.destroy());
  });
}

/** Whether somebody accepts connections on each of the loopback ports. */
async function accepting(ports: readonly number[]): Promise<boolean> {
  return (await Promise.all(ports.map(knock))).every((answer) => answer === 'accepted');
}

/** Loopback ports that nobody listens on now; all different, for they are held together while chosen. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Whether a server started here can give its work to another account. */
export const isRoot = process.getuid?.() === 0;
