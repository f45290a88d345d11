// Package pgtest gives each test its own PostgreSQL database with all migrations applied.
//
// A test process starts one embedded server (or uses the one that LEDGERBOARD_TEST_DATABASE_URL
// names) and migrates one template database. A test gets a database that no other test uses: a new
// copy of the template, or one that an earlier test has left and that was emptied. It is imported
// by tests only.
//
// # Non-obvious
//
//   - A database per test, not a schema: NOTIFY channels and the schemas' fixed names are per
//     database.
//   - A database whose catalog, sequences or migrated rows have changed is dropped: each engine
//     that starts in one makes its tables again.
package pgtest
