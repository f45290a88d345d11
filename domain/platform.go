package domain

import (
	"fmt"
	"slices"
	"strings"
)

// Platform is a social network by the number (`pId`) that the old system gave it.
type Platform int

// The four platforms.
const (
	Facebook  Platform = 1
	Instagram Platform = 3
	LinkedIn  Platform = 4
	TikTok    Platform = 6
)

// Platforms returns all platforms in the order of their numbers.
func Platforms() []Platform { return []Platform{Facebook, Instagram, LinkedIn, TikTok} }

// Valid reports whether p is one of the four platforms.
func (p Platform) Valid() bool { return slices.Contains(Platforms(), p) }

// String returns the platform's name in lower case, as it is used in labels and answers.
func (p Platform) String() string {
	switch p {
	case Facebook:
		return "facebook"
	case Instagram:
		return "instagram"
	case LinkedIn:
		return "linkedin"
	case TikTok:
		return "tiktok"
	default:
		return fmt.Sprintf("platform(%d)", int(p))
	}
}

// PlainID is the platform's id of a page or profile without what makes a URN of it: LinkedIn's is told as `urn:li:organization:5501` and as
// `5501`, and is one page.
func (p Platform) PlainID(externalID string) string {
	if p != LinkedIn {
		return externalID
	}
	return externalID[strings.LastIndexByte(externalID, ':')+1:]
}

// AccountType tells LinkedIn's two kinds of social account apart (`aType`); 0 elsewhere.
type AccountType int

// LinkedIn's account types.
const (
	LinkedInProfile     AccountType = 1
	LinkedInCompanyPage AccountType = 2
)
