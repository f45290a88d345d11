// Package needs lets a test say which programs it runs. A clone and Go are all that `make test` may
// demand: on a machine without such a program the test is left out, and `make test` names at its end
// what it left out (.ci/left-out). Where CI is true the test fails instead. It also runs scripts in
// Node, Python, Java and Rust, with the packages that their folder pins.
package needs
