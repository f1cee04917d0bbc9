"""What other tools call the keys of titn, and what they have keys for that titn has not.

Names are in small letters and without "_": timm's, Lightning's, Hugging Face's Trainer's, those of
torchvision's references, fairseq and DeiT.
"""

# titn's keys, of which the first that there is is meant -> what others call them.
_ELSEWHERE = {
    "epochs": (
        "nepochs nepoch numepochs maxepochs maxepoch totalepochs numtrainepochs trainepochs"
    ),
    "batch_size": (
        "batch bs batchsize trainbatchsize trainbatch perdevicetrainbatchsize "
        "perdevicebatchsize batchsizeperdevice batchsizepergpu mbs minibatch minibatchsize"
    ),
    "optimizer.lr": (
        "learningrate baselr initlr initiallr lrbase peaklr maxlr lr0 rate eta stepsize"
    ),
    "optimizer.weight_decay": ("wd l2 decay decayrate weightdecay"),
    "optimizer.momentum": ("mom betas beta1"),
    "optimizer": ("opt optim optimiser optimname optimizername"),
    "schedule": ("sched scheduler lrscheduler lrsched lrschedule lrschedulertype decaytype"),
    "schedule.warmup_epochs": (
        "warmup warmups warmupsteps warmupratio numwarmupsteps lrwarmupepochs"
    ),
    "seed": ("randomseed manualseed rngseed rng globalseed pltrainerseed randomstate trialseed"),
    "devices": (
        "gpus ngpu ngpus numgpus devicecount numdevices worldsize nproc nprocpernode numprocesses"
    ),
    "device": ("gpu cuda cpu accelerator gpuid gpuids deviceid cudadevice nocuda usecuda usecpu"),
    "precision": ("amp fp16 bf16 fp32 half mixedprecision dtype ampdtype usefp16 useamp"),
    "accumulate": (
        "accumulation gradaccum gradaccumsteps gradientaccumulationsteps accumulategradbatches "
        "accumiter accumsteps accumulationsteps updatefreq microbatches nummicrobatches"
    ),
    "patience": "earlystop earlystopping earlystoppingpatience patienceepochs espatience",
    "clip_grad": ("clip gradclip clipgradnorm maxgradnorm gradientclipval gradclipnorm clipnorm"),
    "ema_decay": ("ema modelema modelemadecay useema emamomentum"),
    "compile": ("torchcompile usecompile jit torchscript"),
    "deterministic": ("cudnndeterministic usedeterministicalgorithms benchmark cudnnbenchmark"),
    "tensorboard": "tb logtotensorboard usetensorboard",
    "tracker": (
        "trackers logger log logging wandb mlflow neptune comet reportto logtowandb usewandb"
    ),
    "run_dir": (
        "output out outdir outputdir savedir savepath logdir exp expname expdir experiment "
        "experimentname name runname tag workdir workspace dir ckptdir checkpointdir jobname id "
        "version"
    ),
    "runs_dir": ("rootdir defaultrootdir project projectdir outputroot"),
    "checkpoint": (
        "ckpt ckptpath checkpointpath modelpath resumefromcheckpoint initfrom initcheckpoint "
        "loadfrom load weightspath"
    ),
    "weights": ("pretrained finetune pretrainedweights usepretrained pretrainedpath"),
    "checkpoint_secs": (
        "saveevery savesteps saveinterval savefreq savestrategy checkpointevery saveperiod "
        "checkpointinterval"
    ),
    "eval_every": (
        "evalinterval evalsteps evalfreq valinterval valevery checkvaleverynepoch evalepochs "
        "testevery valfreq evaluationstrategy"
    ),
    "force": ("overwrite overwriteoutputdir override clean restart rerun"),
    "retry": ("retryfailed retries"),
    "model": ("arch architecture net network backbone student modelname modeltype encoder"),
    "model.depth": ("numlayers nlayers layers nlayer numhiddenlayers blocks numblocks"),
    "model.heads model.outer_heads model.num_heads": (
        "heads numheads nheads nhead head numattentionheads attentionheads"
    ),
    "model.patch_dim model.width model.embed_dim": (
        "dim embeddim hiddendim hiddensize dmodel width embeddingdim modeldim"
    ),
    "model.pixel_dim": ("indim innerdim"),
    "model.mlp_ratio": ("mlpdim ffndim mlphiddendim ffdim intermediatesize"),
    "model.drop_path": ("droppathrate stochasticdepth dpr sd"),
    "model.dropout": ("drop droprate dropoutrate pdrop attndrop attndroprate"),
    "model.patch_size": ("patch psize"),
    "dataset": ("data datasetname datasettype dataname ds datamodule datasets"),
    "dataset.root": (
        "datapath datadir dataroot dataset_dir datasetroot datasetpath datasetdir path folder "
        "traindir imagefolder datafolder"
    ),
    "dataset.image_size": ("imgsize size resolution inputsize imagesize imsize imgsz res"),
    "dataset.num_classes": ("nclasses nbclasses classes numlabels nclass ncls"),
    "dataset.fraction": ("subset trainfraction limittrainbatches numsamples datafraction percent"),
    "dataset.split": ("val validation valsplit evalsplit"),
    "dataset.validation_fraction": ("valfraction valratio testsize validationsplit valsize"),
    "dataset.download": ("downloaddataset"),
    "dataset.storage": ("keepinmemory cache cacheimages inmemory memory ondisk memmap streaming"),
    "augment": (
        "aug augmentation augmentations transform transforms dataaugmentation aa autoaugment "
        "randaug randaugment trivialaugment"
    ),
    "mix": ("mixup cutmix mixupalpha mixing"),
    "loss": ("criterion lossfn losstype objective distillation distillationtype kd distill"),
    "loss.label_smoothing": ("smoothing labelsmooth ls labelsmoothingfactor"),
    "loss.temperature": ("tau t temp distillationtau kdtemperature kdt distillationtemperature"),
    "loss.alpha": ("distillationalpha kdalpha lambda kdweight distillweight distillationweight"),
    "protocol": ("recipe preset"),
    "teacher": ("teachermodel teacherarch teachername teachernet teachernetwork"),
    "teacher.checkpoint": ("teacherpath teacherckpt teacherweights"),
    "busy": ("wait lock"),
    "dry_run": ("dryrun dry debug simulate fastdevrun print"),
}
ELSEWHERE = {name: keys.split() for keys, names in _ELSEWHERE.items() for name in names.split()}

# Why no key sets it, and what to do -> what others call it.
_NOT_HERE = {
    "images are held in memory and no processes load them; leave it out": (
        "workers numworkers nworkers pinmemory persistentworkers prefetch prefetchfactor "
        "dataloadernumworkers threads loaderworkers numthreads dataloader"
    ),
    (
        "devices=2 trains a run on two devices of a machine; cells of a sweep run at once with "
        "--multirun hydra/launcher=joblib hydra.launcher.n_jobs=2"
    ): (
        "nnodes nodes numnodes strategy ddp distributed dataparallel parallel localrank rank "
        "distributedbackend njobs jobs"
    ),
    "a run is as long as its epochs; set epochs": (
        "steps maxsteps numsteps trainsteps iters iterations maxiters totalsteps numiterations "
        "trainiterations niter maxtime"
    ),
    (
        "the same command goes on with a run that was interrupted; leave it out, or set "
        "checkpoint=FILE to start from other weights"
    ): ("resume resumefrom autoresume continue resumetraining lastcheckpoint"),
    "a run is as long as its epochs, and the last one counts; leave it out": (
        "monitor savebest bestmetric"
    ),
    "a run says what it does by itself, and keeps its log in its directory; leave it out": (
        "verbose quiet loglevel loginterval logevery logfreq printfreq progress progressbar "
        "disabletqdm logeverynsteps enableprogressbar"
    ),
    "titn.evaluate RUN recomputes a record, titn.predict RUN IMAGES predicts": (
        "eval evaluate evalonly testonly predict inference dotrain doeval dopredict train test mode"
    ),
}
NOT_HERE = {name: why for why, names in _NOT_HERE.items() for name in names.split()}
