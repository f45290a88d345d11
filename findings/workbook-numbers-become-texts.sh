#!/usr/bin/env bash
# One would guess: excelize writes a Go value whose kind is an integer as a number, as encoding/json does; and a value
# that it cannot write, such as a pointer, is an error.
#
# What happens: SetCellValue and the stream writer's SetRow compare the exact type. They write a value of a type of
# one's own, such as `type Count int64`, and a json.Number as text; SUM of such cells, as excelize computes it from the
# file, is 0. A pointer to a number, which generated clients and structs of rows have where a number may be unknown,
# becomes a text with its address in memory; a sql.Null becomes "{5 true}". All return nil.
#
# Versions: github.com/xuri/excelize/v2 v2.11.1.
# Output seen:
#   int64: number 5, sum 5; SetRow: number 5, sum 5
#   main.Count: text 5, sum 0; SetRow: text 5, sum 0
#   json.Number: text 5, sum 0; SetRow: text 5, sum 0
#   *int64: text of an address, sum 0; SetRow: text of an address, sum 0
#   *int64, nil: text <nil>, sum 0; SetRow: text <nil>, sum 0
#   sql.Null[int64]: text {5 true}, sum 0; SetRow: text {5 true}, sum 0
#
# Why it matters: a column of followers has the right digits, and its sum is 0. It happens the day a field gets a type
# of its own, without a change to the code that writes the workbook, and a test that reads cells back with GetCellValue
# still passes. A writer must convert values to int64, float64 and other types of Go itself, by their kind.
#
# Exits with 1 if the behavior changes. Needs Go and the module proxy.
set -euo pipefail
work=$(mktemp -d)
cd "$work"
trap 'cd /; rm -rf "$work"' EXIT

cat > go.mod << 'END'
module example.com/workbook

go 1.25
END
cat > main.go << 'END'
package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/xuri/excelize/v2"
)

type Count int64

func check[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// cell returns the type and the content of the cell A1, read from the file, and the sum of it.
func cell(f *excelize.File) string {
	again := check(excelize.OpenReader(check(f.WriteToBuffer())))
	kind, value := "text", check(again.GetCellValue("Sheet1", "A1"))
	switch check(again.GetCellType("Sheet1", "A1")) {
	case excelize.CellTypeUnset, excelize.CellTypeNumber:
		kind = "number"
	}
	if strings.HasPrefix(value, "0x") {
		value = "of an address"
	}
	check(0, again.SetCellFormula("Sheet1", "B1", "SUM(A1:A1)"))
	return fmt.Sprintf("%s %s, sum %s", kind, value, check(again.CalcCellValue("Sheet1", "B1")))
}

func write(name string, value any) {
	f := excelize.NewFile()
	check(0, f.SetCellValue("Sheet1", "A1", value))

	streamed := excelize.NewFile()
	w := check(streamed.NewStreamWriter("Sheet1"))
	check(0, w.SetRow("A1", []any{value}))
	check(0, w.Flush())
	fmt.Printf("%s: %s; SetRow: %s\n", name, cell(f), cell(streamed))
}

func main() {
	n := int64(5)
	var unknown *int64
	write("int64", n)
	write("main.Count", Count(5))
	write("json.Number", json.Number("5"))
	write("*int64", &n)
	write("*int64, nil", unknown)
	write("sql.Null[int64]", sql.Null[int64]{V: 5, Valid: true})
}
END
go get github.com/xuri/excelize/v2@v2.11.1 > get.out 2>&1 || { cat get.out; exit 1; }
go run . | tee out
diff out - << 'END' || { echo 'The behavior has changed.'; exit 1; }
int64: number 5, sum 5; SetRow: number 5, sum 5
main.Count: text 5, sum 0; SetRow: text 5, sum 0
json.Number: text 5, sum 0; SetRow: text 5, sum 0
*int64: text of an address, sum 0; SetRow: text of an address, sum 0
*int64, nil: text <nil>, sum 0; SetRow: text <nil>, sum 0
sql.Null[int64]: text {5 true}, sum 0; SetRow: text {5 true}, sum 0
END
