#!/usr/bin/env bash
# One would guess: excelize writes a Go value whose kind is an integer as a number, as encoding/json, fmt and
# database/sql treat it; and a value that it cannot write, such as a pointer, is an error.
#
# What happens: SetCellValue and the stream writer's SetRow compare the exact type. They write a value of a type of
# one's own, such as `type Count int64`, and a json.Number as text; SUM of such cells is 0. A pointer to a number, which
# generated clients and structs of rows have where a number may be unknown, becomes a text with its address in memory; a
# sql.Null becomes "{5 true}". All return nil. The documentation lists the types that are supported and does not say
# what becomes of others.
#
# Versions: github.com/xuri/excelize/v2 v2.11.1.
# Output seen:
#   int64: number 5; SetRow: number 5; sum 5
#   main.Count: text 5; SetRow: text 5; sum 0
#   json.Number: text 5; SetRow: text 5; sum 0
#   *int64: text of an address; SetRow: text of an address; sum 0
#   *int64, nil: text <nil>; SetRow: text <nil>; sum 0
#   sql.Null[int64]: text {5 true}; SetRow: text {5 true}; sum 0
#
# Why it matters: a column of followers looks right on the screen, and its sum in the spreadsheet is 0. It happens the
# day a field gets a type of its own or may be unknown, without a change to the code that writes the workbook, and a
# test that reads cells back as texts still passes. A writer must bring values down to the types listed, by their kind.
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

// cell returns the type and the content of a cell, read from the file.
func cell(f *excelize.File, name string) string {
	again := check(excelize.OpenReader(check(f.WriteToBuffer())))
	kind, value := "text", check(again.GetCellValue("Sheet1", name))
	switch check(again.GetCellType("Sheet1", name)) {
	case excelize.CellTypeUnset, excelize.CellTypeNumber:
		kind = "number"
	}
	if strings.HasPrefix(value, "0x") {
		value = "of an address"
	}
	return kind + " " + value
}

func write(name string, value any) {
	f := excelize.NewFile()
	check(0, f.SetCellValue("Sheet1", "A1", value))
	check(0, f.SetCellFormula("Sheet1", "B1", "SUM(A1:A1)"))
	sum := check(f.CalcCellValue("Sheet1", "B1"))

	streamed := excelize.NewFile()
	w := check(streamed.NewStreamWriter("Sheet1"))
	check(0, w.SetRow("A1", []any{value}))
	check(0, w.Flush())
	fmt.Printf("%s: %s; SetRow: %s; sum %s\n", name, cell(f, "A1"), cell(streamed, "A1"), sum)
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
int64: number 5; SetRow: number 5; sum 5
main.Count: text 5; SetRow: text 5; sum 0
json.Number: text 5; SetRow: text 5; sum 0
*int64: text of an address; SetRow: text of an address; sum 0
*int64, nil: text <nil>; SetRow: text <nil>; sum 0
sql.Null[int64]: text {5 true}; SetRow: text {5 true}; sum 0
END
