package pages_test

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

// TestPictureFile holds that docs/picture.svg is XML that loads nothing: GitHub shows
// an image without what it would load.
func TestPictureFile(t *testing.T) {
	file, err := os.Open("docs/picture.svg")
	must(t, err)
	defer file.Close()
	words := 0
	for decoder := xml.NewDecoder(file); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		element, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if element.Name.Local == "text" {
			words++
		}
		for _, attribute := range element.Attr {
			if attribute.Name.Local == "href" || strings.Contains(attribute.Value, "url(") {
				t.Errorf("<%s> loads %s", element.Name.Local, attribute.Value)
			}
		}
	}
	if words == 0 {
		t.Error("the picture has no text")
	}
}
