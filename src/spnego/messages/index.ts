export { encodeMechTypeList, MechType, mechTypeName } from './mech-types.ts';
export {
  decodeNegTokenInit,
  encodeNegTokenInit,
  encodeNegTokenInit2,
  type NegHints,
  type NegTokenInit,
  type NegTokenInit2,
  type NegTokenInit2Fields,
  type NegTokenInitFields,
} from './neg-token-init.ts';
export {
  decodeNegTokenResp,
  encodeNegTokenResp,
  NEG_STATES,
  type NegState,
  type NegTokenResp,
  type NegTokenRespFields,
} from './neg-token-resp.ts';
export { decodeSpnegoToken, isRawNtlmssp, type RawNtlmssp, type SpnegoToken } from './spnego-token.ts';
