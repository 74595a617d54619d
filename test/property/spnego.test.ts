import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NtlmError } from '../../src/errors.ts';
import {
  decodeSpnegoToken,
  encodeMechTypeList,
  encodeNegTokenInit,
  encodeNegTokenInit2,
  encodeNegTokenResp,
  NEG_STATES,
  type SpnegoToken,
} from '../../src/spnego/messages/index.ts';

const octets = fc.uint8Array({ maxLength: 300 });
const arc = fc.bigInt({ min: 0n, max: 2n ** 70n });
const oid = fc
  .oneof(
    fc.tuple(fc.constantFrom(0n, 1n), fc.bigInt({ min: 0n, max: 39n })),
    fc.tuple(fc.constant(2n), arc),
  )
  .chain((head) => fc.array(arc, { maxLength: 8 }).map((tail) => [...head, ...tail].join('.')));
const mechTypes = fc.array(oid, { minLength: 1, maxLength: 6 });
const latin1 = fc.uint8Array({ maxLength: 40 }).map((units) => String.fromCharCode(...units));

const init = fc.record({ mechTypes, mechToken: octets, mechListMIC: octets }, { requiredKeys: ['mechTypes'] });
const negHints = fc.record({ hintName: latin1, hintAddress: octets }, { requiredKeys: [] });
const init2 = fc.record(
  { mechTypes, mechToken: octets, negHints, mechListMIC: octets },
  { requiredKeys: ['mechTypes', 'negHints'] },
);
const resp = fc
  .record(
    { negState: fc.constantFrom(...NEG_STATES), supportedMech: oid, responseToken: octets, mechListMIC: octets },
    { requiredKeys: [] },
  )
  // a mechListMIC that repeats the responseToken is left out on purpose
  .filter(({ responseToken, mechListMIC }) => !responseToken || String(responseToken) !== String(mechListMIC));

const token = fc.oneof(init.map(encodeNegTokenInit), init2.map(encodeNegTokenInit2), resp.map(encodeNegTokenResp));

/** The value, or `undefined` for a typed refusal; any other error fails the test. */
function decoded(bytes: Uint8Array): SpnegoToken | undefined {
  try {
    return decodeSpnegoToken(bytes);
  } catch (error) {
    if (!(error instanceof NtlmError)) throw error;
    expect(['malformed-token', 'mechanism-refused']).toContain(error.code);
    expect(error).toMatchObject({ phase: 'spnego', side: 'peer' });
    expect(error.offset).toBeGreaterThanOrEqual(0);
    expect(error.offset).toBeLessThanOrEqual(bytes.length);
    return undefined;
  }
}

function encoded(value: SpnegoToken): Uint8Array {
  switch (value.type) {
    case 'init':
      return encodeNegTokenInit(value);
    case 'init2':
      return encodeNegTokenInit2(value);
    case 'resp':
      return encodeNegTokenResp(value);
    case 'raw-ntlmssp':
      return value.token;
  }
}

describe('SPNEGO tokens', () => {
  it('come back as they were written', () => {
    fc.assert(
      fc.property(init, (fields) => {
        const mechTypeList = encodeMechTypeList(fields.mechTypes);
        expect(decodeSpnegoToken(encodeNegTokenInit(fields))).toEqual({ type: 'init', ...fields, mechTypeList });
      }),
    );
    fc.assert(
      fc.property(init2, (fields) => {
        const mechTypeList = encodeMechTypeList(fields.mechTypes);
        expect(decodeSpnegoToken(encodeNegTokenInit2(fields))).toEqual({ type: 'init2', ...fields, mechTypeList });
      }),
    );
    fc.assert(
      fc.property(resp, (fields) => {
        expect(decodeSpnegoToken(encodeNegTokenResp(fields))).toEqual({ type: 'resp', ...fields });
      }),
    );
  });

  it('are refused with any part of their end missing, and with anything after it', () => {
    fc.assert(
      fc.property(token, fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 5 }), (bytes, cut, more) => {
        expect(decoded(bytes.subarray(0, cut % bytes.length))).toBeUndefined();
        expect(decoded(Uint8Array.of(...bytes, ...more))).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  });

  it('with one byte changed are refused or read as exactly what they now say', () => {
    fc.assert(
      fc.property(token, fc.nat(), fc.integer({ min: 1, max: 255 }), (bytes, position, change) => {
        const changed = Uint8Array.from(bytes);
        const at = position % bytes.length;
        changed[at] = (changed[at] ?? 0) ^ change;
        const value = decoded(changed);
        if (value === undefined) return;
        const again = encoded(value);
        // shorter only by what is ignored: reqFlags, a field of a later format, a mechListMIC that is the responseToken
        if (again.length >= changed.length) expect(again).toEqual(changed);
      }),
      { numRuns: 2000 },
    );
  });

  it('made of noise end in a value or a typed refusal', () => {
    const spnego = [0x60, 0x0c, 0x06, 0x06, 0x2b, 6, 1, 5, 5, 2];
    const lead = fc.constantFrom([], [0x60], [0xa1], [0xa1, 0x0a, 0x30, 0x08], spnego);
    fc.assert(
      fc.property(lead, fc.uint8Array({ maxLength: 40 }), (head, tail) => {
        decoded(Uint8Array.of(...head, ...tail));
      }),
      { numRuns: 2000 },
    );
  });
});
