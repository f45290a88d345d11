// Package archtest fails the tests when the module breaks a rule of its own structure.
//
// It checks the imports that the design forbids, what may lie at the root, how wide types are, which
// interfaces have one implementation, that no code reads sentences of its own, and that names in documents
// exist. It reads every file, whatever its build tags; tests may import anything. What golangci-lint can
// check is in .golangci.yml; depguard knows only direct imports.
//
// # Non-obvious
//
//   - A rule on a package holds for the packages below it.
//   - A rule is searched through other packages of the module, unless it says Direct: what a package
//     imports, its users have too. Some packages exist to hide a library (readmodels hides pgx,
//     internal/eventlog the Kafka clients); a rule names them in StopsAt, and the search ends there. For
//     domain and commands it ends nowhere.
//   - A package of the module is distinguished from the standard library by the module's name, never by its
//     first folder: "internal/pg" has no dot either.
//   - Whether a type implements an interface is decided by the names of their methods: the types are not checked, so the test is fast.
//   - Packages for tests (internal/dev/pgtest and the like) are exempt by name, and nothing but tests
//     may import them.
package archtest
