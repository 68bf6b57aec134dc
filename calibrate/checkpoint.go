package calibrate

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/winnowlm/winnow/model/weights"
	"github.com/winnowlm/winnow/quant"
)

// A checkpoint is a GGUF file with the tensors that are done, LoRC's pairs, the
// residual stream, and these keys.
const (
	keyOf     = "calibration.of"     // what is being done, hashed
	keyLayers = "calibration.layers" // that are done
	keyReport = "calibration.report" // JSON
	streamOf  = "calibration.stream" // [tokens][HiddenSize]
)

// key tells one calibration from another.
func (q *quantizer) key() (string, error) {
	print, err := q.src.Fingerprint()
	if err != nil {
		return "", fmt.Errorf("calibrate: %w", err)
	}
	h := sha256.New()
	h.Write(print[:])
	fmt.Fprintf(h, "%v %d %v %d\n", q.o.GPTQ, q.o.Rank, q.o.Weighting, len(q.o.Texts))
	for _, t := range q.src.Infos() {
		if f := q.formats[t.Name]; f != nil {
			fmt.Fprintf(h, "%q %s\n", t.Name, f.Name())
		}
	}
	for _, tokens := range q.o.Texts {
		binary.Write(h, binary.LittleEndian, int64(len(tokens)))
		binary.Write(h, binary.LittleEndian, tokens)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// save writes the state after so many layers, or nothing: never half a file.
func (q *quantizer) save(layers int, stream []float32) error {
	if q.o.Checkpoint == "" {
		return nil
	}
	key, err := q.key()
	if err != nil {
		return err
	}
	var reports []Report
	tensors := slices.Clone(q.pairs)
	for _, t := range q.src.Infos() {
		if d, ok := q.done[t.Name]; ok {
			tensors, reports = append(tensors, d), append(reports, q.reports[t.Name])
		}
	}
	report, err := json.Marshal(reports)
	if err != nil {
		return fmt.Errorf("calibrate: %w", err)
	}
	tensors = append(tensors, weights.Tensor{Name: streamOf, Type: weights.F32, Shape: []int{len(stream)}, Data: quant.Pack(quant.F32, stream, 1, len(stream)).Data})
	var file bytes.Buffer
	err = weights.WriteGGUF(&file, []weights.KV{
		{Key: keyOf, Value: key}, {Key: keyLayers, Value: uint32(layers)}, {Key: keyReport, Value: string(report)},
	}, tensors)
	if err == nil {
		err = replace(q.o.Checkpoint, file.Bytes())
	}
	if err != nil {
		return fmt.Errorf("calibrate: checkpoint: %w", err)
	}
	return nil
}

// replace writes a file under another name and then moves it into place.
func replace(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// resume reads the checkpoint, if there is one, and returns how many layers are
// done.
func (q *quantizer) resume(stream []float32) (layers int, err error) {
	if q.o.Checkpoint == "" {
		return 0, nil
	}
	data, err := os.ReadFile(q.o.Checkpoint)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	} else if err != nil {
		return 0, fmt.Errorf("calibrate: checkpoint: %w", err)
	}
	if layers, err = q.read(data, stream); err != nil {
		return 0, fmt.Errorf("calibrate: checkpoint %s: %w", q.o.Checkpoint, err)
	}
	return layers, nil
}

func (q *quantizer) read(data []byte, stream []float32) (layers int, err error) {
	src, err := weights.OpenReaderAt(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return 0, err
	}
	key, err := q.key()
	if err != nil {
		return 0, err
	}
	if src.Meta[keyOf] != key {
		return 0, errors.New("is that of another model, text or method: remove it, or name another file")
	}
	done, _ := src.Meta[keyLayers].(uint32)
	text, _ := src.Meta[keyReport].(string)
	var reports []Report
	if err := json.Unmarshal([]byte(text), &reports); err != nil {
		return 0, fmt.Errorf("%s: %w", keyReport, err)
	}
	for _, r := range reports {
		q.reports[r.Name] = r
	}
	for t, err := range src.Tensors() {
		t.FileName = ""
		switch {
		case err != nil:
			return 0, err
		case t.Name == streamOf:
			if len(t.Data) != quant.F32.Size(1, len(stream)) {
				return 0, fmt.Errorf("tensor %q: want %d values, have %v", t.Name, len(stream), t.Shape)
			}
			quant.Matrix{Format: quant.F32, Rows: 1, Cols: len(stream), Data: t.Data}.Decode(stream, 0, 1)
		case strings.HasSuffix(t.Name, ".lora_a") || strings.HasSuffix(t.Name, ".lora_b"):
			q.pairs = append(q.pairs, t)
		default:
			q.done[t.Name] = t
		}
	}
	return int(done), nil
}
