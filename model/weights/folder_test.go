package weights

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// onDisk writes files to a folder.
func onDisk(t *testing.T, files fstest.MapFS) string {
	t.Helper()
	dir := t.TempDir()
	for name, f := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, f.Data, 0o600))
	}
	return dir
}

// openBoth opens a file or folder by path and from an fs.FS, which must agree.
func openBoth(t *testing.T, files fstest.MapFS, name string, check func(*Source)) error {
	t.Helper()
	s, pathErr := Open(filepath.Join(onDisk(t, files), name))
	if pathErr == nil {
		check(s)
		require.NoError(t, s.Close())
	}
	s, fsErr := OpenFS(streamFS{files}, name)
	if fsErr == nil {
		check(s)
		require.NoError(t, s.Close())
	}
	require.Equal(t, pathErr == nil, fsErr == nil, "%v, but %v", pathErr, fsErr)
	return fsErr
}

func textFile(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }

func shardedFolder(t *testing.T) fstest.MapFS {
	return fstest.MapFS{
		"config.json":                      textFile(`{"model_type":"llama"}`),
		"generation_config.json":           textFile(`{}`),
		"tokenizer.json":                   textFile("tokens"),
		"tokenizer_config.json":            textFile("bos"),
		"chat_template.jinja":              textFile("{{ x }}"),
		"model-00001-of-00002.safetensors": {Data: shard(t, "model.norm.weight", "a")},
		"sub/rest.safetensors":             {Data: shard(t, "lm_head.weight")},
		"model.safetensors.index.json":     textFile(`{"metadata":{"total_size":48},"weight_map":{"a":"model-00001-of-00002.safetensors","model.norm.weight":"model-00001-of-00002.safetensors","lm_head.weight":"sub/rest.safetensors"}}`),
	}
}

func TestFolder(t *testing.T) {
	var first [32]byte
	files := shardedFolder(t)
	check := func(s *Source) {
		assert.Equal(t, "safetensors", s.Container)
		assert.Nil(t, s.Meta)
		assert.Equal(t, `{"model_type":"llama"}`, string(s.Config))
		assert.Equal(t, `{}`, string(s.GenerationConfig))
		assert.Equal(t, "tokens", string(s.Tokenizer))
		assert.Equal(t, "bos", string(s.TokenizerConfig))
		assert.Equal(t, "{{ x }}", string(s.ChatTemplate))
		_, tensors := content(t, s)
		require.Len(t, tensors, 3)
		x, err := s.Tensor("output.weight")
		require.NoError(t, err)
		assert.Equal(t, Tensor{"output.weight", "lm_head.weight", F32, []int{4}, numbered(16)}, x)
		print, err := s.Fingerprint()
		require.NoError(t, err)
		if first == [32]byte{} {
			first = print
		}
		assert.Equal(t, first, print)
	}
	require.NoError(t, openBoth(t, files, ".", check))

	files["config.json"] = textFile(`{"model_type":"qwen2"}`)
	require.NoError(t, openBoth(t, files, ".", func(s *Source) {
		print, err := s.Fingerprint()
		require.NoError(t, err)
		assert.NotEqual(t, first, print)
	}))
}

func TestFolderWithOneFile(t *testing.T) {
	files := shardedFolder(t) // its index does not count beside a single file
	files["model.safetensors"] = &fstest.MapFile{Data: shard(t, "single")}
	delete(files, "config.json")
	require.NoError(t, openBoth(t, files, ".", func(s *Source) {
		assert.Nil(t, s.Config)
		require.Len(t, s.Infos(), 1)
		assert.Equal(t, "single", s.Infos()[0].Name)
	}))
}

func TestFolderRefuses(t *testing.T) {
	index := func(shard string) *fstest.MapFile {
		return textFile(fmt.Sprintf(`{"weight_map":{"a":%q}}`, shard))
	}
	for want, change := range map[string]func(fstest.MapFS){
		"has neither":           func(f fstest.MapFS) { delete(f, "model.safetensors.index.json") },
		"sub/rest.safetensors":  func(f fstest.MapFS) { delete(f, "sub/rest.safetensors") },
		"unexpected end":        func(f fstest.MapFS) { f[indexFile] = textFile(`{"weight_map":{`) },
		"names no file":         func(f fstest.MapFS) { f[indexFile] = textFile(`{"weight_map":{}}`) },
		"http://127.0.0.1/x":    func(f fstest.MapFS) { f[indexFile] = index("http://127.0.0.1/x") },
		`"../x.safetensors"`:    func(f fstest.MapFS) { f[indexFile] = index("../x.safetensors") },
		`"sub/../../x"`:         func(f fstest.MapFS) { f[indexFile] = index("sub/../../x") },
		`"/etc/passwd"`:         func(f fstest.MapFS) { f[indexFile] = index("/etc/passwd") },
		`"C:\\x"`:               func(f fstest.MapFS) { f[indexFile] = index(`C:\x`) },
		`have ""`:               func(f fstest.MapFS) { f[indexFile] = index("") },
		`have "."`:              func(f fstest.MapFS) { f[indexFile] = index(".") },
		"regular file":          func(f fstest.MapFS) { f[indexFile] = index("sub") },
		"is not in sub":         func(f fstest.MapFS) { f[indexFile] = index("sub/rest.safetensors") },
		"already in":            func(f fstest.MapFS) { f["sub/rest.safetensors"].Data = shard(t, "lm_head.weight", "a") },
		"have a GGUF file":      func(f fstest.MapFS) { f["sub/rest.safetensors"].Data = writeGGUF(t, nil, nil) },
		"want a GGUF or safete": func(f fstest.MapFS) { f["model.safetensors"] = textFile("short") },
	} {
		files := shardedFolder(t)
		change(files)
		err := openBoth(t, files, ".", func(*Source) {})
		assert.ErrorContains(t, err, want)
		assert.ErrorContains(t, err, "weights: ")
	}
}

// splitModel returns a model in three parts, one tensor each but for the first.
func splitModel(t *testing.T) (files fstest.MapFS, parts []string) {
	files = fstest.MapFS{}
	for no := range 3 {
		meta := []KV{{"split.no", uint16(no)}, {"split.count", uint16(3)}, {"split.tensors.count", int32(5)}}
		tensors := sampleTensors()[no+2 : no+3]
		if no == 0 {
			meta = append(meta, sampleMeta()...)
			tensors = sampleTensors()[:3]
		}
		name := fmt.Sprintf("m-%05d-of-00003.gguf", no+1)
		files[name] = &fstest.MapFile{Data: writeGGUF(t, meta, tensors)}
		parts = append(parts, name)
	}
	return files, parts
}

func TestSplit(t *testing.T) {
	files, parts := splitModel(t)
	var first [32]byte
	require.NoError(t, openBoth(t, files, parts[0], func(s *Source) {
		meta, tensors := content(t, s)
		assert.Equal(t, "llama", meta["general.architecture"])
		want := sampleTensors()
		for i := range want {
			want[i].FileName = want[i].Name
		}
		assert.Equal(t, want, tensors)
		print, err := s.Fingerprint()
		require.NoError(t, err)
		if first == [32]byte{} {
			first = print
		}
		assert.Equal(t, first, print)
	}))
}

func TestSplitRefuses(t *testing.T) {
	part := func(no, count uint16, total int32, tensors ...Tensor) *fstest.MapFile {
		meta := []KV{{"split.no", no}, {"split.count", count}, {"split.tensors.count", total}}
		return &fstest.MapFile{Data: writeGGUF(t, meta, tensors)}
	}
	x := sampleTensors()
	for want, change := range map[string]func(f fstest.MapFS, parts []string) string{
		"part 3 of 3":                                   func(f fstest.MapFS, p []string) string { delete(f, p[2]); return p[0] },
		"split.no is 1, want 0":                         func(f fstest.MapFS, p []string) string { return p[1] },
		"split.no is 2, want 1":                         func(f fstest.MapFS, p []string) string { f[p[1]] = f[p[2]]; return p[0] },
		"split.count is 4, but 3":                       func(f fstest.MapFS, p []string) string { f[p[1]] = part(1, 4, 5, x[3]); return p[0] },
		"is 6, but the parts have 5":                    func(f fstest.MapFS, p []string) string { f[p[0]] = part(0, 3, 6, x[:3]...); return p[0] },
		`tensor "output_norm.weight" is`:                func(f fstest.MapFS, p []string) string { f[p[1]] = part(1, 3, 5, x[1]); return p[0] },
		"split.no is 3 of split.count 3":                func(f fstest.MapFS, p []string) string { f[p[0]] = part(3, 3, 5); return p[0] },
		"want a name that ends in -00001-of-00003.gguf": func(f fstest.MapFS, p []string) string { f["other.gguf"] = f[p[0]]; return "other.gguf" },
		"split.no is <nil> of split.count 2": func(f fstest.MapFS, p []string) string {
			f[p[0]].Data = writeGGUF(t, []KV{{"split.count", uint16(2)}}, nil)
			return p[0]
		},
		`"split.count": want a count, have string`: func(f fstest.MapFS, p []string) string {
			f[p[0]].Data = writeGGUF(t, []KV{{"split.count", "2"}}, nil)
			return p[0]
		},
		`"split.no": want a count, have int64 -1`: func(f fstest.MapFS, p []string) string {
			f[p[0]].Data = writeGGUF(t, []KV{{"split.count", uint32(2)}, {"split.no", int64(-1)}}, nil)
			return p[0]
		},
		`"split.tensors.count": want a count`: func(f fstest.MapFS, p []string) string {
			f[p[0]].Data = writeGGUF(t, []KV{{"split.no", uint16(0)}, {"split.count", uint16(3)}, {"split.tensors.count", true}}, x[:3])
			return p[0]
		},
	} {
		files, parts := splitModel(t)
		name := change(files, parts)
		assert.ErrorContains(t, openBoth(t, files, name, func(*Source) {}), want)
	}
	files, parts := splitModel(t)
	assert.ErrorContains(t, everyWayBytes(t, files[parts[1]].Data, nil), "split")
	// A merged file keeps the keys, with a count of 0, and is whole.
	require.NoError(t, everyWayBytes(t, part(0, 0, 5, x...).Data, nil))
}

func TestSplitNeedsAPath(t *testing.T) {
	files, parts := splitModel(t)
	data := files[parts[0]].Data
	assert.ErrorContains(t, everyWayBytes(t, data, nil), "of 3 parts of a split model")
}
