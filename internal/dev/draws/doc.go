// Package draws makes drawn tests repeatable: with LEDGERBOARD_DRAWS=SEED in the environment every property test that
// imports it draws from that seed, else each run draws new values. .ci/run takes the seed from the tree under test: what has passed
// on one machine is drawn again on another, and every change draws new values.
//
// It is imported by tests alone: for its effect, and for the seeds of drawn worlds.
package draws
