// Command size prints how large the module is: for each package its non-test files, their lines and the
// names that it exports, what serves apart from internal/dev. Given the folder of another
// checkout, it prints the sizes of that one, for comparison.
package main
