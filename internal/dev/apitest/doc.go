// Package apitest provides the service of operators that the tests of the API and of the console set up.
//
// Only tests import it. What the real service does is tested in internal/app and cmd/ledgerboard.
package apitest
