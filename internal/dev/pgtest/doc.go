// Package pgtest gives each test its own PostgreSQL database with all migrations applied. A test
// process starts one embedded server (or uses the server named by LEDGERBOARD_TEST_DATABASE_URL)
// and migrates template databases. A test gets a database that no other test uses: a new copy of a
// template, or an emptied database of an earlier test.
//
// Only tests may import the package.
//
// # Notes
//
//   - Each test has a database instead of a schema, because NOTIFY channels and the fixed schema
//     names are per database.
//   - Tests that change nothing may share a database, which is that of [Shared].
//   - A database is dropped after a test that changed the catalog, sequences or rows of migrations,
//     as every test does that starts an engine, which creates tables. [NewBare] is for these tests.
package pgtest
