// Command size prints how large the module is: for each package its non-test files, their lines and the
// names that it exports, what serves apart from internal/dev. With the folder of another checkout as
// argument it prints that one's sizes, to be compared.
//
// # File map
//
//	main.go  counting and printing
package main
