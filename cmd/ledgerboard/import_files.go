package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// importFile is a file of lines. What is not a regular file, such as a pipe, is copied into a
// temporary file without a name, because lines are read twice.
type importFile struct {
	*os.File

	path   string
	size   int64
	shared bool // whether others may read the file
	hash   hash.Hash

	doubled int  // the first line with an escape after its backslash was doubled; 0 for none
	escaped bool // whether a line has an escape as JSON has it
}

func openImportFile(ctx context.Context, path string) (f *importFile, err error) {
	f = &importFile{path: path, hash: sha256.New()}
	in := os.Stdin
	if path != "-" {
		if in, err = os.Open(path); err != nil {
			return nil, fmt.Errorf("open import file: %w", err)
		}
	}
	info, err := in.Stat()
	if err != nil {
		return nil, fmt.Errorf("open import file: %w", err)
	}
	f.File, f.size = in, info.Size()
	regular := info.Mode().IsRegular()
	f.shared = regular && info.Mode().Perm()&0o044 != 0
	if regular && in != os.Stdin {
		return f, nil
	}
	if f.File, err = os.CreateTemp("", "ledgerboard-import-"); err != nil {
		return nil, fmt.Errorf("copy %s: %w", path, err)
	}
	removed := os.Remove(f.Name())
	f.size, err = io.Copy(f.File, contextReader{ctx, in})
	_, rewound := f.Seek(0, io.SeekStart)
	return f, wrapError("copy "+path, cmp.Or(removed, err, rewound))
}

func (f *importFile) record() domain.ImportedFile {
	return domain.ImportedFile{
		Name: filepath.Base(f.path), Bytes: f.size, SHA256: hex.EncodeToString(f.hash.Sum(nil)),
	}
}

// placed is what a line says, and where the line is.
type placed[T any] struct {
	place

	line T
	at   time.Time // the time of the line, if it has none of its own
}

// metricLine is a line of a post or reading. The file is read again when it is appended: files may
// be larger than memory.
type metricLine struct {
	kind        uint8 // see [metricKind]
	append      bool  // whether its event is new
	texts       bool  // whether the texts of the post are new
	file        int32 // index into importRun.files
	number      int32
	length      int32
	offset      int64
	account, at int64 // the social account, and the time in microseconds
}

// read reads all lines. Those of entities, dashboards and tokens are kept in memory; of posts and
// readings, only where they are.
func (i *importRun) read(ctx context.Context) error {
	size := 0
	for _, path := range i.Files {
		f, err := openImportFile(ctx, path)
		if err != nil {
			return err
		}
		i.files = append(i.files, f)
		size += int(f.size)
	}
	bar := newProgress(i.out.Err, "check (bytes)", size)
	for n, f := range i.files {
		if err := i.readFile(ctx, n, f, bar); err != nil {
			return err
		}
	}
	bar.end()
	// The gains of a reading are changed by an earlier one that follows it in the log.
	slices.SortFunc(i.metrics, func(a, b metricLine) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.account, b.account), cmp.Compare(a.at, b.at),
			cmp.Compare(a.file, b.file), cmp.Compare(a.offset, b.offset))
	})
	return nil
}

func (i *importRun) readFile(ctx context.Context, index int, f *importFile, bar *progress) error {
	lines := bufio.NewScanner(io.TeeReader(f, f.hash))
	lines.Buffer(nil, commands.MaxImportLine)
	var offset, next int64
	lines.Split(func(data []byte, atEOF bool) (int, []byte, error) {
		n, line, err := bufio.ScanLines(data, atEOF)
		next += int64(n)
		return n, line, err
	})
	number, filled := 0, i.lines
	for ; lines.Scan(); offset = next {
		number++
		bar.add(int(next - offset))
		if err := ctx.Err(); err != nil {
			return err
		}
		line := lines.Bytes()
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		f.noteEscapes(number, line)
		m := metricLine{file: int32(index), number: int32(number), length: int32(len(line)), offset: offset}
		if err := i.readLine(f, m, line); err != nil {
			return err
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return usageError{fmt.Errorf("%s line %d is longer than %d bytes", f.path, number+1, commands.MaxImportLine)}
	case err != nil:
		return fmt.Errorf("read %s after line %d: %w", f.path, number, err)
	case i.lines == filled: // the command that should write to a pipe may have failed
		return usageError{fmt.Errorf("%s has no lines", f.path)}
	case f.doubled > 0 && !f.escaped:
		return usageError{fmt.Errorf("%s line %d: each escape in this file has two backslashes, as mysql prints it "+
			"without --raw; export it with --raw", f.path, f.doubled)}
	}
	return nil
}

func (i *importRun) readLine(f *importFile, m metricLine, raw []byte) error {
	// A later line must have a later time: the latest state of an entity is valid, and a file may
	// contain several of its states.
	i.lines++
	at := i.now.Add(time.Duration(i.lines) * time.Microsecond)
	pos := i.place(m)
	line, err := commands.ReadImportLine(raw, i.registry, at)
	if err != nil {
		i.refuse(pos, err)
		return nil
	}
	switch line := line.(type) {
	case domain.Draft:
		i.entities = append(i.entities, placed[domain.Draft]{pos, line, at})
	case commands.ImportedToken:
		if f.shared {
			return usageError{fmt.Errorf("%s has tokens, and others may read it: chmod 600 %s", f.path, f.path)}
		}
		i.tokens = append(i.tokens, placed[commands.ImportedToken]{pos, line, at})
	case commands.ImportedDocument: // the dashboards of an agency are decided together
		i.agencies[line.ParentAccount] = append(i.agencies[line.ParentAccount], line.ImportedDashboard)
		i.documents[line.ParentAccount+line.SubAccountID+line.DocumentID] = pos
		i.documents[line.ParentAccount+line.SubAccountID] = pos
	case commands.MetricLine:
		m.kind, _ = metricKind(line.Data)
		m.account, m.at = line.Owner.SocialAccount, line.At.UnixMicro()
		i.metrics = append(i.metrics, m)
	}
	return nil
}

func (i *importRun) place(m metricLine) place {
	return place{File: i.files[m.file].path, Line: int(m.number), file: int(m.file)}
}

// again reads a line of a post or reading again.
func (i *importRun) again(m metricLine) (line commands.MetricLine, err error) {
	raw := make([]byte, m.length)
	if _, err = i.files[m.file].ReadAt(raw, m.offset); err != nil {
		return line, fmt.Errorf("read %s again: %w", i.place(m), err)
	}
	read, err := commands.ReadImportLine(raw, i.registry, i.now)
	line, ok := read.(commands.MetricLine)
	if err != nil || !ok || line.Owner.SocialAccount != m.account || line.At.UnixMicro() != m.at {
		return line, fmt.Errorf("%s has changed since the import began", i.place(m))
	}
	return line, nil
}

// mysql without --raw doubles each backslash: no line has an odd number of them before an escape.
var (
	escape        = regexp.MustCompile(`(^|[^\\])(\\\\)*\\[^\\]`)
	doubledEscape = regexp.MustCompile(`\\\\["/bfnrtu]`)
)

func (f *importFile) noteEscapes(number int, line []byte) {
	if f.escaped || bytes.IndexByte(line, '\\') < 0 {
		return
	}
	if f.escaped = escape.Match(line); f.doubled == 0 && !f.escaped && doubledEscape.Match(line) {
		f.doubled = number
	}
}
