package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/backup"
)

type backupCommand struct {
	storage
	logging
	To    string `xor:"what" required:"" placeholder:"DIR" help:"Copy the log into this directory. If it holds a backup of the same log, what has come since is added."`
	Check string `xor:"what" required:"" placeholder:"DIR" help:"Read the backup in this directory, and say whether every byte is what was written: needs neither log nor database."`
	JSON  bool   `name:"json" help:"Print a JSON object."`
}

// errBackupFindings ends a check that found something.
var errBackupFindings = errors.New("the backup is not what was written: nothing should be restored from it. Make a full backup " +
	"in another directory while the log is there (ledgerboard backup --to)")

// What an interrupted backup or restore leaves.
const (
	backupCut  = "the last backup in this directory is unchanged; run the command again"
	restoreCut = "the log is incomplete. Delete the topics and restore again; start no service before that"
)

func (c backupCommand) Run(ctx context.Context, s streams) error {
	if c.Check != "" {
		return interrupted(ctx, c.check(ctx, s), nothingDone)
	}
	err := c.looking(c.logger(s), func(parts *assembly.Parts) error { return c.copy(ctx, s, parts) })
	return interrupted(ctx, err, backupCut)
}

func (c backupCommand) copy(ctx context.Context, s streams, parts *assembly.Parts) error {
	log, topics, err := parts.BackupSource(ctx)
	if err != nil {
		return err
	}
	shown, end := follow(s, "Backup (offsets)")
	report, err := backup.Run(ctx, backup.Config{
		Dir: c.To, Log: log, Topics: topics, Tool: thisBuild().String(), Now: time.Now, Progress: shown,
	})
	end()
	if err != nil {
		return err
	}
	return say(s.Out, c.JSON, report, "Backed up the log into %s: %d records read, the backup is %d segments of %d bytes.\n"+
		"Back up schema kept of the database and the keys too: docs/restore.md.\n", c.To, report.Records, report.Segments, report.Bytes)
}

type checkReport struct {
	FinishedAt time.Time `json:"finished_at"`
	Records    int64     `json:"records"`
	Segments   int       `json:"segments"`
	Bytes      int64     `json:"bytes"`
	Whole      bool      `json:"whole"`
	Findings   []string  `json:"findings"`
}

func (c backupCommand) check(ctx context.Context, s streams) error {
	shown, end := follow(s, "Check (bytes)")
	found, err := backup.Check(ctx, c.Check, shown)
	end()
	if errors.Is(err, backup.ErrNoBackup) || errors.Is(err, backup.ErrInUse) || ctx.Err() != nil {
		return err
	}
	report := checkReport{Records: found.Records, Segments: found.Segments, Bytes: found.Bytes, Whole: err == nil, Findings: []string{}}
	if found.Manifest != nil {
		report.FinishedAt = found.Manifest.Finished
	}
	for _, fault := range found.Faults {
		report.Findings = append(report.Findings, fault.Error())
	}
	if c.JSON {
		if err := json.NewEncoder(s.Out).Encode(report); err != nil {
			return err
		}
	} else {
		printBackup(s, report)
	}
	if !report.Whole {
		return errBackupFindings
	}
	return nil
}

func printBackup(s streams, r checkReport) {
	for _, finding := range r.Findings {
		fmt.Fprintln(s.Out, finding)
	}
	if r.Whole {
		fmt.Fprintf(s.Out, "The backup as of %s is whole: %d records in %d segments, %d bytes. That nobody altered it together with its manifest is proved by verify, "+
			"after a restore.\n", r.FinishedAt.Format(time.RFC3339), r.Records, r.Segments, r.Bytes)
	}
}

// follow shows how far work is that tells of it now and then.
func follow(s streams, label string) (shown func(done, total int64), end func()) {
	var p *progress
	return func(done, total int64) {
			if p == nil {
				p = newProgress(s.Err, label, int(total))
			}
			p.total = int(total)
			p.add(int(done) - p.done)
		}, func() {
			if p != nil {
				p.end()
			}
		}
}
