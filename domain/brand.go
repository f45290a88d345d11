package domain

import (
	"errors"
	"fmt"
	"regexp"
)

var colorForm = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

// CheckColor accepts only #rrggbb, because pages write the color into their markup. "" stands for no color.
func CheckColor(color string) error {
	if color == "" || colorForm.MatchString(color) {
		return nil
	}
	return fmt.Errorf("%.20q is not # and six hexadecimal digits; write it like #17587f, or omit it", color)
}

// MaxLogo is the maximum size of a logo in bytes, before base64.
const MaxLogo = 64 << 10

// logoForm is a data URI (RFC 2397) of the media types of logos.
var logoForm = regexp.MustCompile(`^data:(image/(?:png|jpeg));base64,([0-9A-Za-z+/]+={0,2})$`)

// SplitLogo returns the media type and the base64 of a [DirectoryAccount.Logo].
func SplitLogo(uri string) (mediaType, encoded string, err error) {
	if len(uri) > MaxLogo/3*4+64 {
		return "", "", fmt.Errorf("has more than %d bytes", MaxLogo)
	}
	parts := logoForm.FindStringSubmatch(uri)
	if parts == nil {
		return "", "", errors.New("is not a data URI of a picture; begin it with data:image/png;base64, or data:image/jpeg;base64,")
	}
	return parts[1], parts[2], nil
}

// checkLogo checks the form, which pages depend on. [commands.EntityLine] decodes the picture.
func checkLogo(uri string) error {
	if uri == "" {
		return nil
	}
	_, _, err := SplitLogo(uri)
	return err
}
