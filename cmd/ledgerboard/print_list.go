package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
)

// printList prints a list as JSON, or as a table with a line for each, its cells apart by tabs as those of the head are.
func printList[T any](out io.Writer, asJSON bool, list []T, head string, line func(T) string) error {
	if asJSON {
		return json.NewEncoder(out).Encode(append([]T{}, list...))
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, head)
	for _, entry := range list {
		fmt.Fprintln(table, line(entry))
	}
	return table.Flush()
}
