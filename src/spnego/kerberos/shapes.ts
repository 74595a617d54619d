/** What stands in the clear in the messages of Kerberos 5 (RFC 4120 5), by the numbers and names of their fields. */

/** How a field of a message is read. What is `sealed` is encrypted, or may be guessed passwords against: never shown masked. */
export type Leaf = 'integer' | 'etype' | 'etypes' | 'options' | 'text' | 'name' | 'time' | 'error' | 'sealed';

export interface Shape {
  /** The tag around its SEQUENCE, where it has one. */
  readonly application?: number;
  /** Where it is specified. */
  readonly section: string;
  /** By tag number; numbers that are not here are `sealed`. */
  readonly fields: Readonly<Record<number, readonly [name: string, is: Leaf | Shape]>>;
}

/** Of a message: its tag tells it from the others. */
interface MessageShape extends Shape {
  readonly application: number;
}

const ENCRYPTED: Shape = { section: '5.2.9', fields: { 0: ['etype', 'etype'], 1: ['kvno', 'integer'], 2: ['cipher', 'sealed'] } };
const TICKET: Shape = {
  application: 1,
  section: '5.3',
  fields: { 0: ['tkt-vno', 'integer'], 1: ['realm', 'text'], 2: ['sname', 'name'], 3: ['enc-part', ENCRYPTED] },
};
const KDC_REQ_BODY: Shape = {
  section: '5.4.1',
  fields: {
    0: ['kdc-options', 'options'],
    1: ['cname', 'name'],
    2: ['realm', 'text'],
    3: ['sname', 'name'],
    4: ['from', 'time'],
    5: ['till', 'time'],
    6: ['rtime', 'time'],
    7: ['nonce', 'integer'],
    8: ['etype', 'etypes'],
  },
};
const request = (application: number): MessageShape => ({
  application,
  section: '5.4.1',
  fields: { 1: ['pvno', 'integer'], 2: ['msg-type', 'integer'], 3: ['padata', 'sealed'], 4: ['req-body', KDC_REQ_BODY] },
});
const reply = (application: number): MessageShape => ({
  application,
  section: '5.4.2',
  fields: {
    0: ['pvno', 'integer'],
    1: ['msg-type', 'integer'],
    2: ['padata', 'sealed'],
    3: ['crealm', 'text'],
    4: ['cname', 'name'],
    5: ['ticket', TICKET],
    6: ['enc-part', ENCRYPTED],
  },
});

export const SHAPES = {
  'AS-REQ': request(10),
  'AS-REP': reply(11),
  'TGS-REQ': request(12),
  'TGS-REP': reply(13),
  'AP-REQ': {
    application: 14,
    section: '5.5.1',
    fields: {
      0: ['pvno', 'integer'],
      1: ['msg-type', 'integer'],
      2: ['ap-options', 'options'],
      3: ['ticket', TICKET],
      4: ['authenticator', ENCRYPTED],
    },
  },
  'AP-REP': { application: 15, section: '5.5.2', fields: { 0: ['pvno', 'integer'], 1: ['msg-type', 'integer'], 2: ['enc-part', ENCRYPTED] } },
  'KRB-ERROR': {
    application: 30,
    section: '5.9.1',
    fields: {
      0: ['pvno', 'integer'],
      1: ['msg-type', 'integer'],
      2: ['ctime', 'time'],
      3: ['cusec', 'integer'],
      4: ['stime', 'time'],
      5: ['susec', 'integer'],
      6: ['error-code', 'error'],
      7: ['crealm', 'text'],
      8: ['cname', 'name'],
      9: ['realm', 'text'],
      10: ['sname', 'name'],
      11: ['e-text', 'text'],
      12: ['e-data', 'sealed'],
    },
  },
} as const satisfies Record<string, MessageShape>;

export type KerberosMessage = keyof typeof SHAPES;
export const KERBEROS_MESSAGES = Object.keys(SHAPES) as readonly KerberosMessage[];
