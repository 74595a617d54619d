/** The doors of undici: a dispatcher whose connections authenticate themselves, and a fetch over it. */
export { NtlmDispatcher, type NtlmDispatcherOptions } from './doors/dispatcher.ts';
export { createNtlmFetch, type NtlmFetch, type NtlmFetchOptions } from './doors/fetch.ts';
