package platforms

import "regexp"

// littleText matches what is not plain text in a LinkedIn commentary, whose format LinkedIn calls
// "little": an escaped character, a mention "@[Name](urn:li:organization:77)" and a hashtag
// "{hashtag|\#|word}". The sign of a hashtag may be fullwidth, with or without a backslash
// (learn.microsoft.com/linkedin, "little Text Format").
var littleText = regexp.MustCompile(`(?s)\\([[:punct:]]|＃)` +
	`|@\[((?:\\.|[^\\\]])+)\] ?\(urn:li:[^()]+\)` +
	`|\{hashtag\|\\?([#＃])\|((?:\\.|[^\\|}])+)\}`)

// plainText returns a commentary as LinkedIn shows it: a mention is the name, and a hashtag its
// sign and word. Whatever does not fit the format stays as it is, because texts from before the
// format have no escapes.
func plainText(commentary string) string {
	return littleText.ReplaceAllStringFunc(commentary, func(element string) string {
		parts := littleText.FindStringSubmatch(element)
		return parts[1] + plainText(parts[2]) + parts[3] + plainText(parts[4])
	})
}
