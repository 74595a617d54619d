/** What one connection writes: what flows on unread, what is taken, and within which limits. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ResponseReader, type Answer } from '../../../src/http/wire/response-reader.ts';

const LIMIT = 1000;
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const REFUSED = 'HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\n';
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';
const CLIENTS = { everything: false, limited: false } as const;
const LEG = { everything: true, limited: false } as const;
const STAND_IN = { everything: true, limited: true } as const;

function reading() {
  const told: string[] = [];
  const answers: Answer[] = [];
  const reader = new ResponseReader(
    {
      flow: (bytes) => void told.push(`flow ${bytes.toString('latin1')}`),
      interim: (raw) => void told.push(`interim ${raw.toString('latin1', 9, 12)}`),
      answer: (answer) => void (told.push(`answer ${answer.head.status} to ${answer.method}`), answers.push(answer)),
      passed: () => void told.push('passed'),
      failed: (error) => void told.push(`failed ${(error as { code?: string }).code}: ${error.message}`),
      pause: () => void told.push('pause'),
      resume: () => void told.push('resume'),
    },
    LIMIT,
  );
  const push = (text: string): void => reader.push(Buffer.from(text, 'latin1'));
  const heard = (): string[] => told.splice(0);
  return { reader, push, heard, answers };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('an answer for the client', () => {
  test.each([200, 204, 302, 400, 402, 403, 411, 500, 417, 501])('of status %i flows on, and what follows it', (status) => {
    const { reader, push, heard } = reading();
    reader.expect('GET', CLIENTS);
    const text = OK.replace('200', `${status}`);
    push(text);
    push('more');
    expect(heard()).toEqual(['resume', 'passed', `flow ${text}`, 'flow more']);
    expect(reader.flows).toBe(true);
  });

  test('is known by its status, however it comes', () => {
    const { reader, push, heard } = reading();
    reader.expect('GET', CLIENTS);
    for (const character of OK) push(character);
    expect(heard().filter((each) => each === 'passed')).toHaveLength(1);
    expect(reader.flows).toBe(true);
  });

  test('what is no HTTP is the client\'s to judge', () => {
    const { reader, push, heard } = reading();
    reader.expect('GET', CLIENTS);
    push('220 mail');
    expect(heard()).toEqual(['resume', 'passed', 'flow 220 mail']);
  });

  test.each(['PRI', '\0\0\x12\x04\0\0\0\0\0', 'HTTP/2 200\r\n'])('HTTP/2 is nobody\'s: %j', (text) => {
    const { reader, push, heard } = reading();
    reader.expect('GET', CLIENTS);
    push(text);
    expect(heard().at(-1)).toMatch(text === 'PRI' ? /^flow PRI$/ : /^failed http2-only/);
  });

  test('a frame that is not whole is waited for', () => {
    const { reader, push, heard } = reading();
    reader.expect('GET', CLIENTS);
    for (const octet of '\0\0\x12\x04\0\0\0\0') push(octet);
    expect(heard()).toEqual(['resume']);
    push('\0');
    expect(heard()[0]).toMatch(/^failed http2-only/);
  });
});

describe.each([401, 407])('a %i', (status) => {
  const text = REFUSED.replace('401', `${status}`);

  test('is taken up to the end of its head, and flows on when it is let', () => {
    const { reader, push, heard, answers } = reading();
    reader.expect('POST', CLIENTS);
    for (const character of text) push(character);
    push('no');
    expect(heard()).toEqual(['resume', 'pause', `answer ${status} to POST`]);
    expect(answers[0]!.raw.toString('latin1')).toBe(text);
    expect([reader.flows, reader.isQuiet]).toEqual([false, false]);
    reader.flow();
    expect(heard()).toEqual(['flow no', 'resume']);
    expect(reader.flows).toBe(true);
  });

  test('whose head takes too long fails, but not before it began', () => {
    const { reader, push, heard } = reading();
    reader.expect('GET', CLIENTS);
    vi.advanceTimersByTime(10 * LIMIT);
    push(text.slice(0, 15));
    vi.advanceTimersByTime(LIMIT - 1);
    push(text.slice(15, 20));
    expect(heard()).toEqual(['resume']);
    vi.advanceTimersByTime(1);
    expect(heard()).toEqual(['failed timed-out: the head of a response took too long']);
  });
});

describe('a leg', () => {
  test('has every answer for its own', () => {
    const { reader, push, heard } = reading();
    reader.expect('GET', LEG);
    push(OK);
    expect(heard()).toEqual(['resume', 'pause', 'answer 200 to GET']);
  });

  test('has its limit from the first byte on; a stand-in, and whoever opens a tunnel, at once', () => {
    const { reader, push, heard } = reading();
    reader.expect('GET', LEG);
    vi.advanceTimersByTime(10 * LIMIT);
    push('H');
    vi.advanceTimersByTime(LIMIT);
    expect(heard()).toEqual(['resume', 'failed timed-out: the head of a response took too long']);
    for (const [method, how] of [['HEAD', STAND_IN], ['CONNECT', CLIENTS]] as const) {
      const other = reading();
      other.reader.expect(method, how);
      vi.advanceTimersByTime(LIMIT);
      expect(other.heard()).toEqual(['resume', 'failed timed-out: the head of a response took too long']);
      const answered = reading();
      answered.reader.expect(method, how);
      answered.push(OK);
      vi.advanceTimersByTime(LIMIT);
      expect(answered.heard()).toEqual(['resume', 'pause', `answer 200 to ${method}`]);
    }
    const tunnel = reading();
    tunnel.reader.expect('CONNECT', LEG);
    vi.advanceTimersByTime(LIMIT);
    expect(tunnel.heard()).toEqual(['resume']);
  });

  test.each(['SSH-2.0', 'http/1.1', 'HTTP/2.0 200', '\0\0\0'])('has no patience with %j', (text) => {
    const { reader, push, heard } = reading();
    reader.expect('GET', LEG);
    push(`${text}       `);
    expect(heard().at(-1)).toMatch(/^failed (?:malformed-token|http2-only): /);
  });

  test('is told of interim responses on the way, within one limit for all of them where it has one', () => {
    const { reader, push, heard } = reading();
    reader.expect('HEAD', STAND_IN);
    push(CONTINUE + CONTINUE.slice(0, 8));
    vi.advanceTimersByTime(LIMIT - 1);
    push(`${CONTINUE.slice(8)}${OK}`);
    expect(heard()).toEqual(['resume', 'interim 100', 'interim 100', 'pause', 'answer 200 to HEAD']);
    const { reader: slow, push: drip, heard: told } = reading();
    slow.expect('HEAD', STAND_IN);
    for (let i = 0; i < 5; i++) {
      drip(CONTINUE);
      vi.advanceTimersByTime(LIMIT / 4);
    }
    expect(told()).toContain('failed timed-out: the head of a response took too long');
  });

  test('interim responses for the client do not count against the answer; 101 is one', () => {
    const { reader, push, heard } = reading();
    reader.expect('GET', CLIENTS);
    push(CONTINUE);
    vi.advanceTimersByTime(10 * LIMIT);
    push(OK);
    expect(heard()).toEqual(['resume', 'interim 100', 'passed', `flow ${OK}`]);
    reader.expect('GET', CLIENTS);
    push('HTTP/1.1 101 Switching\r\n\r\n');
    expect(heard()).toEqual(['resume', 'pause', 'answer 101 to GET']);
  });
});

describe('the body of an answer that nobody wants', () => {
  const answered = (text: string) => {
    const all = reading();
    all.reader.expect('GET', LEG);
    all.push(text);
    all.heard();
    return all;
  };
  const settled = async (promise: Promise<boolean>): Promise<boolean | 'waiting'> => Promise.race([promise, vi.advanceTimersByTimeAsync(0).then(() => 'waiting' as const)]);

  test.each([
    [`${REFUSED}no`, true],
    [REFUSED.replace('2', '0'), true],
    [`${REFUSED}no${CONTINUE}`, true],
    [`${REFUSED}no${OK}`, false],
    [`${REFUSED}no!`, false],
    [REFUSED.replace('Content', 'Connection: close\r\nContent'), false],
    [REFUSED.replace('Content-Length: 2\r\n', ''), false],
  ])('is there already: %j leaves the connection of use: %s', async (text, reusable) => {
    const { reader, answers } = answered(text);
    expect(await settled(reader.drain(answers[0]!, 100))).toBe(reusable);
  });

  test('is read to its end as it comes', async () => {
    const { reader, answers, push, heard } = answered(`${REFUSED}n`);
    const drained = reader.drain(answers[0]!, 100);
    expect(await settled(drained)).toBe('waiting');
    push('o');
    expect(await settled(drained)).toBe(true);
    expect(heard()).toEqual(['resume', 'pause']);
    expect(reader.isQuiet).toBe(true);
    push(CONTINUE);
    expect(reader.isQuiet).toBe(true);
    push('H');
    expect(reader.isQuiet).toBe(false);
  });

  test('is given up where more comes behind it, where it is too long, too slow, or the connection ends', async () => {
    const long = REFUSED.replace('2', '200');
    const cases: [string, number, (all: ReturnType<typeof answered>) => void, boolean | 'waiting'][] = [
      [REFUSED, 100, ({ push }) => push('no!'), false],
      [long, 100, ({ push }) => push('x'.repeat(99)), 'waiting'],
      [long, 100, ({ push }) => push('x'.repeat(100)), false],
      [`${long}${'x'.repeat(50)}`, 100, ({ push }) => push('x'.repeat(50)), false],
      [long, 1000, ({ reader }) => void reader.end(), false],
    ];
    for (const [text, most, then, end] of cases) {
      const all = answered(text);
      const drained = all.reader.drain(all.answers[0]!, most);
      then(all);
      expect(await settled(drained)).toBe(end);
    }
    const { reader, answers, heard } = answered(REFUSED);
    void reader.drain(answers[0]!, 100);
    await vi.advanceTimersByTimeAsync(LIMIT);
    expect(heard()).toContain('failed timed-out: the body of a response took too long');
  });
});

test('what comes while nothing is awaited is kept from the client, and flows on where it is let', () => {
  const { reader, push, heard } = reading();
  expect([reader.flows, reader.isQuiet]).toEqual([true, true]);
  reader.hold();
  expect([reader.flows, reader.isQuiet]).toEqual([false, true]);
  push('a');
  push('b');
  expect([heard(), reader.isQuiet]).toEqual([[], false]);
  reader.flow();
  expect(heard()).toEqual(['flow ab', 'resume']);
  reader.hold();
  reader.flow();
  expect(heard()).toEqual(['resume']);
});

test('a limit says whose it was', () => {
  const errors: unknown[] = [];
  const none = (): void => {};
  const reader = new ResponseReader({ flow: none, interim: none, answer: none, passed: none, pause: none, resume: none, failed: (error) => void errors.push(error) }, LIMIT);
  reader.expect('HEAD', STAND_IN);
  vi.advanceTimersByTime(LIMIT);
  expect(errors).toEqual([expect.objectContaining({ code: 'timed-out', phase: 'transport', side: 'peer' })]);
});

test('what was read of a head that is not whole is handed back at the end', () => {
  for (const [text, how] of [['HTTP/1.1 4', CLIENTS], ['HTTP/1.1 401 No\r\nX', CLIENTS], ['HTTP/1.1 200 OK\r\n', LEG]] as const) {
    const { reader, push } = reading();
    reader.expect('GET', how);
    push(text);
    expect(reader.end().toString()).toBe(text);
    expect(reader.end()).toHaveLength(0);
    expect(vi.getTimerCount()).toBe(0);
  }
});
