package api

import (
	"cmp"

	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

type readingProgress struct {
	domain.ConnectedNow
	Text   string
	Ended  bool // it is no longer connected for the account
	SignIn bool // it is not read until someone signs in again
}

func progressOf(view connect.View) (progress []readingProgress, pending bool) {
	for _, page := range view.Outcome.Connected {
		shown, soon := readingProgress{ConnectedNow: page, Text: "waiting to be read"}, true
		for _, reading := range view.Readings {
			switch class := platforms.Class(reading.Class); {
			case reading.SocialAccountID != page.SocialAccountID:
			case class == "" && reading.ReadAt != nil:
				shown.Text, soon = "read; its figures are available", false
			case class == "":
			case class == platforms.Class(directory.PlatformDisconnected):
				shown.Text, shown.Ended, soon = "no longer connected for "+view.Account, true, false
			case class == platforms.Class(directory.PlatformPaused):
				shown.Text, soon = "no new figures at the moment. "+string(reading.Reason), false
			default:
				problem := cmp.Or(platforms.Problem(reading.Problem), platforms.Problem(class))
				// A sign-in may be at another platform than the page.
				at := page.PID
				if shown.SignIn = helpsSigningIn(class, problem); shown.SignIn {
					at = view.Platform
				}
				shown.Text = platforms.AdviceOn(problem, at).Client
				soon = class == platforms.ClassRetry || class == platforms.Class(domain.CodeInternal)
			}
		}
		pending = pending || soon
		progress = append(progress, shown)
	}
	return progress, pending
}

func helpsSigningIn(class platforms.Class, problem platforms.Problem) bool {
	return class == platforms.ClassReconnect ||
		class == platforms.ClassPermission && problem == platforms.Problem(class)
}
