#!/usr/bin/env bash
# One would guess: a text that is too long for a cell is an error when a workbook is written with excelize, since the
# package has an error for it, ErrCellCharsLength.
#
# What happens: SetCellStr, SetCellValue and the stream writer's SetRow return nil and write the first 32,767 UTF-16
# units; only SetCellRichText returns the error. The file then reads back like a complete one.
#
# Versions: github.com/xuri/excelize/v2 v2.11.1.
# Output seen:
#   SetCellStr: 40000 in, 32767 out, error <nil>
#   SetCellValue: 40000 in, 32767 out, error <nil>
#   SetRow: 40000 in, 32767 out, error <nil>
#   SetCellRichText: error cell value must be 0-32767 characters
#
# Why it matters: exports for people hold captions, comments and lists of ids. A long text or a list in one cell passes
# 32,767, and whoever compares the workbook with its source finds the difference before the program does. A writer must
# measure texts itself and say in the file what is not complete.
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
	"fmt"
	"strings"

	"github.com/xuri/excelize/v2"
)

func main() {
	text := strings.Repeat("a", 40_000)
	write := func(name string, set func(*excelize.File) error) {
		f := excelize.NewFile()
		err := set(f)
		raw, failed := f.WriteToBuffer()
		if failed != nil {
			panic(failed)
		}
		again, failed := excelize.OpenReader(raw)
		if failed != nil {
			panic(failed)
		}
		read, failed := again.GetCellValue("Sheet1", "A1")
		if failed != nil {
			panic(failed)
		}
		fmt.Printf("%s: %d in, %d out, error %v\n", name, len(text), len(read), err)
	}
	write("SetCellStr", func(f *excelize.File) error { return f.SetCellStr("Sheet1", "A1", text) })
	write("SetCellValue", func(f *excelize.File) error { return f.SetCellValue("Sheet1", "A1", text) })
	write("SetRow", func(f *excelize.File) error {
		w, err := f.NewStreamWriter("Sheet1")
		if err != nil {
			return err
		}
		if err := w.SetRow("A1", []any{text}); err != nil {
			return err
		}
		return w.Flush()
	})
	err := excelize.NewFile().SetCellRichText("Sheet1", "A1", []excelize.RichTextRun{{Text: text}})
	fmt.Println("SetCellRichText: error", err)
}
END
go get github.com/xuri/excelize/v2@v2.11.1 > get.out 2>&1 || { cat get.out; exit 1; }
go run . | tee out
diff out - << 'END' || { echo 'The behavior has changed.'; exit 1; }
SetCellStr: 40000 in, 32767 out, error <nil>
SetCellValue: 40000 in, 32767 out, error <nil>
SetRow: 40000 in, 32767 out, error <nil>
SetCellRichText: error cell value must be 0-32767 characters
END
