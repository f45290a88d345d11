package console

import (
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/ledgerboard/ledgerboard/api"
)

const brandPath = root + "/brand"

// brandView is what clients see of the agency.
type brandView struct {
	Color  string // of the form: #rrggbb, or none
	Name   string
	Logo   bool
	Saved  bool
	Faults formFaults
}

var brandWords = map[string]fieldWords{
	"colour": {"colour", "Write a color as # and six hexadecimal digits, such as #17587f."},
	"logo":   {"logo", "Choose a PNG or JPEG of at most 64 KiB that is at most 1200 pixels wide and high."},
}

func openBrand(v *visit) (view, error) {
	shown := brandView{Name: v.who.AccountID, Saved: v.r.URL.Query().Has("saved")}
	if agency := v.me.Agency; agency != nil {
		shown.Name, shown.Color, shown.Logo = string(agency.Name), string(agency.Color), agency.Logo
	}
	return shown, nil
}

func saveBrand(v *visit) (view, error) {
	color := strings.TrimSpace(v.form.Get("colour"))
	logo, err := sentLogo(v)
	if err == nil {
		_, err = once(v, api.PutBrand, nil, func(in *api.BrandInput) { in.Body.Color, in.Body.Logo = &color, logo })
	}
	if err == nil {
		return redirect(brandPath + "?saved"), nil
	}
	faults, taken := faultsOf(err, brandWords)
	if !taken {
		return nil, err
	}
	shown, err := openBrand(v)
	if form, ok := shown.(brandView); ok {
		form.Color, form.Faults = color, faults
		return form, err
	}
	return shown, err
}

// sentLogo returns the file of the form as a data URI; nil: no file was chosen, so that the logo stays;
// "": it is removed.
func sentLogo(v *visit) (*string, error) {
	if v.form.Has("no_logo") {
		return new(""), nil
	}
	file, _, err := v.r.FormFile("logo")
	if errors.Is(err, http.ErrMissingFile) || errors.Is(err, http.ErrNotMultipart) {
		return nil, nil
	}
	if err != nil {
		return nil, errForm
	}
	defer func() { _ = file.Close() }()
	picture, err := io.ReadAll(file) // the form has a limit
	if err != nil || len(picture) == 0 {
		return nil, err
	}
	return new("data:" + http.DetectContentType(picture) + ";base64," + base64.StdEncoding.EncodeToString(picture)), nil
}
