package api

import (
	"cmp"
	"strings"

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
				at := page.PID
				if class == platforms.ClassReconnect || class == platforms.ClassPermission {
					at = view.Platform
				}
				words, known := notRead[class]
				words = cmp.Or(words, "not read yet: a temporary error occurred. We retry automatically.")
				shown.Text, soon = strings.ReplaceAll(words, "%s", at.Title()), !known
				shown.SignIn = class == platforms.ClassReconnect || class == platforms.ClassPermission
			}
		}
		pending = pending || soon
		progress = append(progress, shown)
	}
	return progress, pending
}

// notRead tells the person who connected a page why it is not read and what to do. %s is the
// platform of the page or, if a sign-in or permission is missing, the platform where the person
// signs in. Pages with an error of another class are retried shortly.
var notRead = map[platforms.Class]string{
	platforms.ClassReconnect: "waiting for a sign-in: %s no longer grants access. Start again, and sign in there once more.",
	platforms.ClassPermission: "its own figures are not read: a permission is missing. Start again, and leave everything " +
		"selected at %s. For a page, you must be an administrator of the page.",
	platforms.ClassThrottled: "not read yet: %s limits requests at the moment. We will read the page as soon as possible. " +
		"You do not need to do anything.",
	platforms.ClassNotFound: "not read: %s does not show this page to you. Check there whether it still exists and " +
		"whether you may see its statistics.",
	platforms.ClassBlocked: "not read: %s does not provide statistics for this page. Check the account there.",
	platforms.ClassInvalid: "not read: %s rejected the request. Tell the person who sent you here; you cannot fix this yourself.",
}
