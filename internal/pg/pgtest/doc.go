// Package pgtest gives each test its own PostgreSQL database with all migrations applied.
//
// A test process starts one embedded server (or uses the one that LEDGERBOARD_TEST_DATABASE_URL
// names), migrates one template database, and copies it per test. It is imported by tests only.
//
// # Non-obvious
//
//   - A database per test, not a schema: NOTIFY channels and the schemas' fixed names are per database.
//   - Template creation happens in the first test that asks; concurrent callers wait for it.
package pgtest
