import fc from 'fast-check';

// A mutant that survives costs the whole suite; a hundred runs of a property find little that these do not.
fc.configureGlobal({ numRuns: 25 });
